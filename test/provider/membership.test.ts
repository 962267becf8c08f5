import type { ClusterReleaseInputs, ClusterReleaseOutputs } from "../../components/talos/ClusterRelease";
import { generationPatches } from "../../components/talos/config/generation";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { generationOf } from "../../provider/talos/membership/generation";
import { type FakeCluster, SECRET } from "./cluster";
import { type Heard, listen } from "./context";
import { FAULTS } from "./faults";
import { machines, node, renewed, site } from "./release";

/** Five control planes and two workers. */
const five = (): ClusterReleaseInputs => {
  const inputs = site();
  return {
    ...inputs,
    nodes: {
      ...inputs.nodes,
      "cp-4": node("cp-4", 14, "controlplane"),
      "cp-5": node("cp-5", 15, "controlplane"),
    },
  };
};
const three = site();

const without = (inputs: ClusterReleaseInputs, ...keys: string[]): ClusterReleaseInputs => ({
  ...inputs,
  nodes: Object.fromEntries(Object.entries(inputs.nodes).filter(([key]) => !keys.includes(key))),
});

async function running(inputs: ClusterReleaseInputs) {
  const cluster = machines(inputs);
  const resource = clusterRelease(cluster.drivers);
  const { outputs } = await resource.create(inputs, listen().context);
  const heard = listen([SECRET]);
  cluster.recorder.calls.length = 0;
  const update = (
    wanted: ClusterReleaseInputs,
    from: { inputs: ClusterReleaseInputs; outputs: ClusterReleaseOutputs },
  ) => resource.update("demo", from, wanted, heard.context);
  return { cluster, resource, state: { inputs, outputs }, heard, update };
}

const changesOf = (cluster: FakeCluster) =>
  cluster.recorder.changes.map(({ name, args }) => `${name} ${String(args[0]).split(".").at(-1)}`);
const members = (cluster: FakeCluster) =>
  [...cluster.nodes.values()]
    .filter(({ etcd }) => etcd)
    .map(({ key }) => key)
    .sort();

async function refusal(
  resource: ReturnType<typeof clusterRelease>,
  state: never,
  wanted: ClusterReleaseInputs,
  heard: Heard,
) {
  return Promise.resolve()
    .then(() => resource.diff(state, wanted, heard.context))
    .then(
      () => "",
      (error: Error) => error.message,
    );
}

describe("fewer machines", () => {
  test("workers go first, then control planes one at a time, each out of etcd before the next", async () => {
    const { cluster, resource, state, heard, update } = await running(five());
    const wanted = without(five(), "cp-4", "cp-5", "w-2");
    await resource.diff(state, wanted, heard.context);
    expect(heard.lines).toEqual([
      "w-2: is drained and wiped",
      "cp-4, cp-5: leaves etcd and is wiped, one after the other; 3 control planes stay",
    ]);
    const reached = await update(wanted, state);
    expect(reached.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["reset 22", "reset 14", "reset 15"]);
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
    expect(cluster.forgotten).toEqual(["w-2", "cp-4", "cp-5"]);
    expect(Object.keys(reached.outputs.running)).toEqual(["cp-1", "cp-2", "cp-3", "w-1"]);
    expect(reached.outputs.leaving).toBeUndefined();
    expect(cluster.quorumLost).toBe(false);
    const again = { inputs: wanted, outputs: reached.outputs };
    expect(await resource.diff(again, wanted, heard.context)).toEqual([]);
  });

  test("a machine whose reset fails after it left etcd is wiped without another farewell", async () => {
    const { cluster, state, update } = await running(five());
    cluster.failsToReset = ["cp-4"];
    const reached = await update(without(five(), "cp-4", "cp-5"), state);
    expect(reached.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["reset 14", "reset 14", "reset 15"]);
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
  });

  test("a machine whose reset fails again is named, with where to look; the rest is done the next time", async () => {
    const { cluster, state, update } = await running(five());
    cluster.failsToReset = ["cp-4", "cp-4"];
    const stopped = await update(without(five(), "cp-4", "cp-5"), state);
    expect(stopped.failures).toEqual([
      expect.stringMatching(/^cp-4 has not left: its reset failed .*dmesg says why; run the update again/),
    ]);
    const reached = await update(without(five(), "cp-4", "cp-5"), { inputs: five(), outputs: stopped.outputs });
    expect(reached.failures).toBeUndefined();
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
  });

  test("a dead control plane leaves without a farewell: its member goes, its disks stay as they are, and that is said", async () => {
    const { cluster, state, heard, update } = await running(five());
    cluster.kill("cp-5");
    const reached = await update(without(five(), "cp-4", "cp-5"), state);
    expect(reached.failures).toBeUndefined();
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
    expect(heard.lines).toContain("cp-5 does not answer and was not wiped: wipe its disks before it is used again");
    expect(heard.acts.map(({ target, detail }) => `${target} ${detail}`)).toContainEqual(
      expect.stringMatching(/^demo\/cp-5 takes its member \w+ out of etcd$/),
    );
    expect(cluster.quorumLost).toBe(false);
  });

  test("nothing leaves while a control plane that stays is not whole", async () => {
    const { cluster, state, update } = await running(five());
    cluster.byKey("cp-2").etcd = false;
    const reached = await update(without(five(), "cp-4", "cp-5"), state);
    expect(reached.failures?.join()).toMatch(/^cp-4 has not left: etcd before cp-4 leaves: not within 1 s; .*cp-2/);
    expect(reached.outputs.leaving).toEqual({
      "cp-4": { type: "controlplane", address: "10.0.0.14", hostname: "cp-4" },
      "cp-5": { type: "controlplane", address: "10.0.0.15", hostname: "cp-5" },
    });
    expect(cluster.recorder.changes).toEqual([]);
  });

  test("what did not leave is remembered after the engine has stored the new inputs, and leaves with the next run", async () => {
    const { cluster, state, update } = await running(five());
    cluster.alarm = "NOSPACE";
    const wanted = without(five(), "cp-4", "cp-5");
    const first = await update(wanted, state);
    expect(first.failures).toHaveLength(1);
    cluster.alarm = undefined;
    const second = await update(wanted, { inputs: wanted, outputs: first.outputs });
    expect(second.failures).toBeUndefined();
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
  });

  test("a control plane that would keep running, and the way to a single one, are refused with the way out", async () => {
    const { resource, state, heard } = await running(three);
    const kept = await refusal(resource, state as never, { ...without(three, "cp-3"), onDestroy: "keep" }, heard);
    expect(kept).toMatch(/- nodes\["cp-3"\]: a control plane that keeps running joins etcd again .*onDestroy: reset/);
    const one = without(three, "cp-2", "cp-3");
    expect(await refusal(resource, state as never, one, heard)).toMatch(
      /- nodes: from 3 control planes to one, etcd passes through two members: .* allow two-members \(talos.allow\)/,
    );
    expect(await refusal(resource, state as never, { ...one, allow: ["two-members"] }, heard)).toBe("");
    expect(await resource.check(without(three, "cp-3"), heard.context)).toContainEqual(
      expect.objectContaining({ path: "nodes", fix: expect.stringMatching(/raise its generation/) }),
    );
  });

  test("three become one when that is allowed", async () => {
    const { cluster, state, update } = await running(three);
    const reached = await update({ ...without(three, "cp-2", "cp-3"), allow: ["two-members"] }, state);
    expect(reached.failures).toBeUndefined();
    expect(members(cluster)).toEqual(["cp-1"]);
    expect(cluster.quorumLost).toBe(false);
  });

  test("under a new key: the new one has joined before the old one leaves", async () => {
    const { cluster, state, update } = await running(three);
    const wanted = without({ ...three, nodes: { ...three.nodes, "cp-6": node("cp-6", 16, "controlplane") } }, "cp-3");
    const [fresh] = [...machines(wanted).nodes.values()].filter(({ key }) => key === "cp-6");
    cluster.add({ ...(fresh as never as Parameters<FakeCluster["add"]>[0]), etcd: true });
    const reached = await update(wanted, state);
    expect(reached.failures).toBeUndefined();
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-6"]);
    expect(Object.keys(reached.outputs.running)).toContain("cp-6");
  });
});

describe("another machine under the same key", () => {
  test("a dead control plane: its member and Node go before the new one is installed, and etcd is whole again", async () => {
    const { cluster, resource, state, heard, update } = await running(three);
    cluster.replace("cp-3");
    const wanted = renewed(three, "cp-3");
    const changes = await resource.diff(state, wanted, heard.context);
    expect(changes).toContainEqual({ path: 'nodes["cp-3"].generation', kind: "add" });
    expect(heard.lines).toEqual(["cp-3: is installed anew, as generation 2"]);
    const reached = await update(wanted, state);
    expect(reached.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["etcdRemoveMember 11", "applyFirst 13"]);
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
    expect(cluster.lost).toEqual([]);
    expect(cluster.forgotten).toEqual(["cp-3"]);
    expect(reached.outputs.running["cp-3"]?.generation).toBe(2);
    expect(cluster.quorumLost).toBe(false);
    expect(await resource.diff({ inputs: wanted, outputs: reached.outputs }, wanted, heard.context)).toEqual([]);
  });

  test("a wiped worker is installed again and nothing else is touched", async () => {
    const { cluster, state, update } = await running(three);
    cluster.replace("w-1");
    const reached = await update(renewed(three, "w-1"), state);
    expect(reached.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["applyFirst 21"]);
    expect(cluster.byKey("w-1").configuration).toContain("plinth.dev/generation");
    expect(cluster.forgotten).toEqual(["w-1"]);
  });

  test("a machine that loses its power while it is installed is handed its configuration again", async () => {
    const { cluster, state, update } = await running(three);
    cluster.replace("w-1");
    cluster.byKey("w-1").cuts = 2;
    const reached = await update(renewed(three, "w-1"), state);
    expect(reached.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["applyFirst 21", "applyFirst 21", "applyFirst 21"]);
    expect(reached.outputs.running["w-1"]?.generation).toBe(2);
  });

  test("a machine that does not answer is waited for, with what to do", async () => {
    const { cluster, state, update } = await running(three);
    cluster.kill("w-1");
    const reached = await update(renewed(three, "w-1"), state);
    expect(reached.failures?.join()).toMatch(/^w-1 is not installed anew: .*boot it from a Talos image at 10.0.0.21/);
    expect(cluster.recorder.changes).toEqual([]);
    expect(reached.outputs.running["w-1"]).toEqual(state.outputs.running["w-1"]);
  });

  test("a machine that still runs is wiped only by permission", async () => {
    const { cluster, state, update } = await running(three);
    const first = await update(renewed(three, "cp-2"), state);
    expect(first.failures?.join()).toMatch(
      /^cp-2 is not installed anew: it still runs, .* allow reinstall \(talos.allow\)/,
    );
    expect(cluster.recorder.changes).toEqual([]);
    const wanted = { ...renewed(three, "cp-2"), allow: ["reinstall"] };
    const second = await update(wanted, { inputs: wanted, outputs: first.outputs });
    expect(second.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["reset 12", "applyFirst 12"]);
    expect(cluster.quorumLost).toBe(false);
  });

  test("the only control plane has no other to learn etcd's data from", async () => {
    const single = without(three, "cp-2", "cp-3");
    const { cluster, state, update } = await running(single);
    cluster.replace("cp-1");
    const reached = await update(renewed(single, "cp-1"), state);
    expect(reached.failures?.join()).toMatch(/only copy of etcd: restore a snapshot/);
    expect(cluster.installed).toEqual([]);
  });

  test("nothing is forgotten while the other members are not a majority", async () => {
    const { cluster, state, update } = await running(three);
    cluster.replace("cp-3");
    cluster.kill("cp-2");
    const reached = await update(renewed(three, "cp-3"), state);
    expect(reached.failures?.join()).toMatch(/^cp-3 is not installed anew: etcd without cp-3: not within 1 s/);
    expect(cluster.recorder.changes).toEqual([]);
  });

  test("a generation does not go back", async () => {
    const { resource, state, heard } = await running(renewed(three, "w-1", 3));
    expect(await refusal(resource, state as never, renewed(three, "w-1", 2), heard)).toMatch(
      /- nodes\["w-1"\].generation: generation 3 is installed, 2 was before it \(write 3, or 4 for another machine\)/,
    );
  });
});

describe("machines that are called at another address than their own", () => {
  const at = (place: number) => `198.51.100.${place}`;
  /** Three control planes and two workers as a vendor rents them: each is called over the Internet. */
  const rented = (inputs = three): ClusterReleaseInputs => ({
    ...inputs,
    nodes: Object.fromEntries(
      Object.entries(inputs.nodes).map(([key, each]) => {
        return [key, { ...each, reach: at(Number(each.address.split(".").at(-1))) }];
      }),
    ),
  });
  const runningThere = async (inputs = rented()) => {
    const cluster = machines(inputs);
    const found = [...cluster.nodes.values()];
    cluster.nodes.clear();
    for (const each of found) cluster.nodes.set(at(Number(each.address.split(".").at(-1))), each);
    const resource = clusterRelease(cluster.drivers);
    const { outputs, failures } = await resource.create(inputs, listen().context);
    expect(failures).toBeUndefined();
    cluster.recorder.calls.length = 0;
    return { cluster, resource, heard: listen([SECRET]), state: { inputs, outputs } };
  };
  /** Another server is rented for cp-2; the first one is still there. */
  const order = (cluster: FakeCluster, wanted: ClusterReleaseInputs, place = 99) => {
    const { "cp-2": plane, ...others } = wanted.nodes;
    const before = [...cluster.nodes];
    cluster.nodes.clear();
    cluster.add({ key: "cp-2", address: at(place), hostname: "cp-2", type: "controlplane", boots: 1, machines: 2 });
    const next = cluster.nodes.get(at(place));
    if (next === undefined || plane === undefined) throw new Error("it was just added");
    cluster.nodes.set(at(place), { ...next, address: "10.0.0.12" });
    for (const [key, each] of before) cluster.nodes.set(key, each);
    return { ...wanted, nodes: { ...others, "cp-2": { ...plane, reach: at(place) } } };
  };

  test("leave the cluster there too: a vendor's machine is wiped before it is given back", async () => {
    const { cluster, resource, heard, state } = await runningThere(rented(five()));
    const wanted = without(rented(five()), "cp-4", "cp-5", "w-2");
    cluster.alarm = "NOSPACE";
    const first = await resource.update("demo", state, wanted, heard.context);
    cluster.alarm = undefined;
    // The engine has stored the new inputs: only the record knows where the leaving ones are called.
    const second = await resource.update("demo", { inputs: wanted, outputs: first.outputs }, wanted, heard.context);
    expect(second.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["reset 22", "reset 14", "reset 15"]);
    expect(heard.lines.join()).not.toContain("was not wiped");
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
    expect(cluster.quorumLost).toBe(false);
  });

  test("are not given a successor while the old one runs, unless that is allowed; then it is wiped first", async () => {
    const { cluster, resource, heard, state } = await runningThere();
    const wanted = order(cluster, renewed(rented(), "cp-2"));
    const first = await resource.update("demo", state, wanted, heard.context);
    expect(first.failures?.join()).toMatch(/^cp-2 is not installed anew: it still runs, .* allow reinstall/);
    expect(cluster.recorder.changes).toEqual([]);
    expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);

    const allowed = { ...wanted, allow: ["reinstall"] };
    const stored = { inputs: wanted, outputs: first.outputs };
    cluster.alarm = "NOSPACE";
    const second = await resource.update("demo", stored, allowed, heard.context);
    expect(second.failures?.join()).toMatch(/etcd without cp-2/);
    expect(cluster.recorder.changes).toEqual([]);

    cluster.alarm = undefined;
    const next = { inputs: allowed, outputs: second.outputs };
    const third = await resource.update("demo", next, allowed, heard.context);
    expect(third.failures).toBeUndefined();
    expect(changesOf(cluster)).toEqual(["reset 12", "applyFirst 99"]);
    expect(cluster.nodes.get(at(12))?.configuration).toBeUndefined();
    expect(third.outputs.replaced).toBeUndefined();
    expect(cluster.quorumLost).toBe(false);
  });

  test("that are dead need no permission, and it is said that nobody wiped them", async () => {
    const { cluster, resource, heard, state } = await runningThere();
    Object.assign(cluster.byKey("cp-2"), { down: true });
    const wanted = order(cluster, renewed(rented(), "cp-2"));
    const reached = await resource.update("demo", state, wanted, heard.context);
    expect(reached.failures).toBeUndefined();
    expect(heard.lines.join()).toContain("cp-2 as it was (198.51.100.12) does not answer and was not wiped");
    expect(changesOf(cluster).at(-1)).toBe("applyFirst 99");
    expect(cluster.quorumLost).toBe(false);
  });
});

describe("a wiped machine that nobody declared to be another one", () => {
  test.each(["w-1", "cp-2"])("%s is recognised at once by an update that comes to it, with the way on", async (key) => {
    const { cluster, state, update } = await running(three);
    cluster.replace(key);
    const long = { ...three, timeouts: { etcd: "60s", ready: "60s" } };
    const before = Date.now();
    const reached = await update({ ...long, nodes: site({ machine: { nodeLabels: { a: "b" } } }).nodes }, state);
    expect(Date.now() - before).toBeLessThan(5000);
    expect(reached.failures?.join()).toMatch(
      new RegExp(
        `${key} waits in maintenance mode although it ran before: .* raise its generation to 2 \\(plinth renew`,
      ),
    );
    // Nothing depends on a worker: the others change.
    expect(cluster.applied).toEqual(key === "w-1" ? ["cp-2", "cp-3", "cp-1", "w-2"] : []);
  });

  test("after a refresh the preview refuses with the way on, and giving it up forgets all of it", async () => {
    const { cluster, resource, state, heard, update } = await running(five());
    cluster.replace("cp-5");
    cluster.replace("cp-4");
    const seen = await resource.read("demo", state, heard.context);
    if (seen === undefined) throw new Error("dropped");
    expect(seen.outputs.running["cp-5"]).toMatchObject({ wiped: true });
    expect(await refusal(resource, seen as never, five(), heard)).toMatch(
      /- nodes\["cp-5"\]: waits in maintenance mode although it ran before: .* \(to install it again raise its generation to 2/,
    );
    // A second refresh forgets nothing.
    const twice = (await resource.read("demo", seen, heard.context)) ?? seen;
    const reached = await update(without(five(), "cp-4", "cp-5"), twice);
    expect(reached.failures).toBeUndefined();
    expect(cluster.lost).toEqual([]);
    expect(Object.keys(reached.outputs.running)).toEqual(["cp-1", "cp-2", "cp-3", "w-1", "w-2"]);
  });

  test("is still known as the machine it was after any number of refreshes", async () => {
    const second = renewed(three, "w-1");
    const { cluster, resource, state, heard } = await running(second);
    const seen = (await resource.read("demo", state, heard.context)) ?? state;
    expect(seen.outputs.running["w-1"]?.generation).toBe(2);
    expect(await resource.diff(seen, second, heard.context)).toEqual([]);
    expect(await refusal(resource, seen as never, three, heard)).toContain(
      "generation 2 is installed, 1 was before it",
    );
    cluster.replace("w-1");
    const gone = (await resource.read("demo", seen, heard.context)) ?? seen;
    expect(await refusal(resource, gone as never, second, heard)).toContain("raise its generation to 3");
    // A run that was killed right after it installed the next one has written nothing down.
    const third = renewed(three, "w-1", 3);
    const { configuration } = machines(third).byKey("w-1");
    Object.assign(cluster.byKey("w-1"), { configuration });
    const killed = (await resource.read("demo", seen, heard.context)) ?? seen;
    expect(killed.outputs.running["w-1"]?.generation).toBe(3);
  });

  test("that came back by itself is taken note of as it is", async () => {
    const { cluster, resource, state, heard, update } = await running(three);
    const { configuration } = cluster.byKey("w-1");
    cluster.replace("w-1");
    const seen = (await resource.read("demo", state, heard.context)) ?? state;
    Object.assign(cluster.byKey("w-1"), { configuration });
    const back = { inputs: three, outputs: seen.outputs };
    const reached = await update(three, back);
    expect(reached.failures).toBeUndefined();
    expect(reached.outputs.running["w-1"]?.wiped).toBeUndefined();
  });
});

describe("a fault at every call", () => {
  const scenarios: readonly [string, ClusterReleaseInputs, (cluster: FakeCluster) => void, ClusterReleaseInputs][] = [
    ["five become three", five(), () => undefined, without(five(), "cp-4", "cp-5")],
    ["a dead control plane is replaced", three, (cluster) => cluster.replace("cp-3"), renewed(three, "cp-3")],
    ["a wiped worker returns", three, (cluster) => cluster.replace("w-1"), renewed(three, "w-1")],
  ];
  for (const [name, inputs, harm, wanted] of scenarios) {
    test.each(FAULTS)(
      `${name}, %s: the next run finishes, nothing is installed twice, etcd keeps its quorum`,
      async (kind) => {
        const clean = await running(inputs);
        harm(clean.cluster);
        clean.cluster.recorder.calls.length = 0;
        await clean.update(wanted, clean.state);
        const calls = clean.cluster.recorder.calls.length;
        const installed = clean.cluster.installed.length;
        for (let at = 0; at < calls; at++) {
          const { cluster, resource, state, heard, update } = await running(inputs);
          harm(cluster);
          cluster.recorder.calls.length = 0;
          cluster.recorder.onAbort = heard.abort;
          cluster.recorder.fault = { at, kind };
          const first = await update(wanted, state).catch(() => undefined);
          cluster.recorder.fault = undefined;
          const prior = first === undefined ? state : { inputs: wanted, outputs: first.outputs };
          const second = await resource.update("demo", prior, wanted, listen().context);
          expect([at, second.failures ?? [], second.outputs.phase]).toEqual([at, [], "converged"]);
          expect([at, cluster.installed.length, cluster.quorumLost]).toEqual([at, installed, false]);
          expect(members(cluster)).toEqual(["cp-1", "cp-2", "cp-3"]);
        }
      },
      180_000,
    );
  }
});

test.each(["v1.13", "v1.14"] as const)(
  "a configuration of contract %s says its generation, 1 if nothing",
  (contract) => {
    const machine = "machine: {type: worker}\n---\nkind: HostnameConfig\nhostname: w-1\n";
    expect(generationPatches(1, contract)).toEqual([]);
    expect(generationOf(machine)).toBe(1);
    expect(generationOf([machine, ...generationPatches(7, contract)].join("---\n"))).toBe(7);
  },
);
