/** A change that kills an API server: it costs one of them, whatever the machine's Node and etcd say. */
import type { ClusterReleaseInputs } from "../../components/talos/ClusterRelease";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { type FakeCluster, SECRET } from "./cluster";
import { listen } from "./context";
import { machines, site } from "./release";
import { Trial, versioned } from "./rolling";

const inputs = site();
const argument = (name: string) => ({ cluster: { apiServer: { extraArgs: { [name]: "x" } } } });
const bad = site(argument("no-such-flag"));
const good = site(argument("event-ttl"));

async function start(declared: ClusterReleaseInputs = inputs) {
  const cluster = machines(declared);
  const resource = clusterRelease(cluster.drivers);
  let state = { inputs: declared, outputs: (await resource.create(declared, listen().context)).outputs };
  const up = async (wanted: ClusterReleaseInputs, remembers = true): Promise<readonly string[]> => {
    const reached = await resource.update("demo", state, wanted, listen([SECRET]).context);
    if (remembers) state = { inputs: wanted, outputs: reached.outputs };
    return reached.failures ?? [];
  };
  return { cluster, up };
}

const dead = (cluster: FakeCluster) =>
  [...cluster.nodes.values()].filter((node) => cluster.isBroken(node)).map(({ key }) => key);

test("a bad argument costs one server: the update stops there, and says whose it is and what it said", async () => {
  const { cluster, up } = await start();
  expect((await up(bad)).join()).toMatch(
    /^cp-2: the API server of cp-2: not within 1 s; last seen: connect ECONNREFUSED 10.0.0.12:6443; its pod is not Ready: unknown flag: --no-such-flag; its own words: talosctl -n 10.0.0.12 containers -k, .*; nothing else was changed; not done: cp-3, cp-1, w-1, w-2; run the update again/,
  );
  expect(dead(cluster)).toEqual(["cp-2"]);
  // Neither does a second try go past it,
  expect((await up(bad)).join()).toMatch(/^cp-2: the API server of cp-2: not within 1 s/);
  expect(cluster.applied).toEqual(["cp-2"]);
  // and setting it back reaches the machine that has it.
  expect(await up(inputs)).toEqual([]);
  expect([dead(cluster), cluster.applied]).toEqual([[], ["cp-2", "cp-2"]]);
});

test("a run that was killed right after it had handed the argument over leaves the next one to stop there", async () => {
  const { cluster, up } = await start();
  await up(bad, false);
  expect((await up(bad)).join()).toMatch(/^cp-2: the API server of cp-2: not within 1 s/);
  expect(cluster.applied).toEqual(["cp-2"]);
});

test("whose server is down is changed first: it may be what the others wait for", async () => {
  const { cluster, up } = await start();
  await up(bad);
  // cp-2 leads now, and would be the last.
  cluster.byKey("cp-1").leader = false;
  cluster.byKey("cp-2").leader = true;
  cluster.applied.length = 0;
  expect(await up(good)).toEqual([]);
  expect(cluster.applied).toEqual(["cp-2", "cp-1", "cp-3", "w-1", "w-2"]);
});

test("it is looked at where the machine can be reached, and where its server listens", async () => {
  const at = "198.51.100.11";
  const rented = (declared: ClusterReleaseInputs): ClusterReleaseInputs => ({
    ...declared,
    nodes: Object.fromEntries(
      Object.entries(declared.nodes).map(([key, each]) => [key, key === "cp-1" ? { ...each, reach: at } : each]),
    ),
  });
  const cluster = machines(inputs);
  cluster.apiPort = 7443;
  const node = cluster.byKey("cp-1");
  cluster.nodes.set(at, node);
  const { outputs } = await clusterRelease(cluster.drivers).create(rented(inputs), listen().context);
  expect(outputs.phase).toBe("converged");
  expect([...new Set(cluster.looked)].sort()).toEqual(
    ["10.0.0.12", "10.0.0.13", at].map((host) => `https://${host}:7443`),
  );
});

test("behind a firewall its pod's word has to do, and is enough to stop", async () => {
  const { cluster, up } = await start();
  for (const place of [11, 12, 13]) cluster.firewalled.add(`10.0.0.${place}`);
  expect(await up(good)).toEqual([]);
  expect((await up(bad)).join()).toMatch(/last seen: its pod is not Ready: unknown flag: --no-such-flag/);
  expect(dead(cluster)).toHaveLength(1);
});

test("the server from before the change does not count", async () => {
  const { cluster, up } = await start();
  const heard: string[] = [];
  cluster.onApplied = () => heard.push(cluster.applied.at(-1) ?? "");
  // Its machine never comes to run what it was given.
  Object.defineProperty(cluster.byKey("cp-2"), "served", { get: () => "{}", set: () => undefined });
  expect((await up(good)).join()).toMatch(/^cp-2: .*last seen: it still runs as it was before the change/);
  expect(heard).toEqual(["cp-2"]);
});

test("an upgrade goes no further than a control plane whose server does not come back", async () => {
  const trial = await Trial.of(versioned({ talos: "v1.13.0", kubernetes: "v1.36.3" }));
  trial.cluster.isBroken = ({ key, boots }) => key === "cp-2" && boots > 1;
  const [failure] = await trial.up(versioned({ talos: "v1.13.10", kubernetes: "v1.36.3" }));
  expect(failure).toMatch(
    /cp-2: api-down: its own API server is not up: connect ECONNREFUSED .*no other node was rebooted/,
  );
  expect(trial.acts.filter((act) => act.startsWith("boot"))).toEqual(["boot cp-2 v1.13.10"]);
});
