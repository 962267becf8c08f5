/** Windows and hooks around the changes of a cluster. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Maintenance, maintenanceSchema } from "../../components/maintenance/spec";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { listen } from "../provider/context";
import { labels, machines, site } from "../provider/release";
import { Trial, versioned } from "../provider/rolling";

const folder = mkdtempSync(join(tmpdir(), "plinth-release-hooks-"));
const log = join(folder, "log");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A window of an hour that opens in so many hours. */
function openingIn(hours: number): Maintenance["windows"] {
  const start = new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
  return maintenanceSchema.parse({ windows: [{ start, duration: "1h", zone: "UTC" }] }).windows;
}

async function start() {
  const cluster = machines(site());
  const resource = clusterRelease(cluster.drivers);
  const { outputs } = await resource.create(site(), listen().context);
  return { cluster, resource, state: { inputs: site(), outputs } };
}

test("outside of its windows a cluster is left as it is, and a preview says when the next one opens", async () => {
  const { cluster, resource, state } = await start();
  const wanted = { ...site(labels("a")), maintenance: { windows: openingIn(12), hooks: [] } };
  const heard = listen();
  await resource.diff(state, wanted, heard.context);
  const when = /no maintenance window is open: the next one opens \w{3} [\d-]+ [\d:]+ UTC \(in 1[12] h/;
  expect(heard.lines.find((line) => line.startsWith("no node is changed now"))).toMatch(when);
  const reached = await resource.update("demo", state, wanted, listen().context);
  expect(reached.failures).toEqual([expect.stringMatching(when)]);
  expect(reached.outputs.phase).toBe("partial");
  expect(cluster.applied).toEqual([]);
});

test("in an open window it is changed, and the hooks of each step run around it", async () => {
  const { cluster, resource, state } = await start();
  writeFileSync(log, "");
  const hook = (when: string) => ({
    when,
    steps: ["apply"],
    command: ["sh", "-c", `echo $PLINTH_WHEN $PLINTH_NODE >> ${log}`],
  });
  const { hooks } = maintenanceSchema.parse({ hooks: [hook("before"), hook("after")] });
  const wanted = { ...site(labels("a")), maintenance: { windows: [...openingIn(12), ...openingIn(-0.5)], hooks } };
  const heard = listen();
  await resource.diff(state, wanted, heard.context);
  expect(heard.lines.join()).not.toContain("window");
  const reached = await resource.update("demo", state, wanted, listen().context);
  expect(reached.failures).toBeUndefined();
  expect(cluster.applied).toEqual(["cp-2", "cp-3", "cp-1", "w-1", "w-2"]);
  expect(readFileSync(log, "utf8").trim().split("\n")).toEqual(
    cluster.applied.flatMap((key) => [`before ${key}`, `after ${key}`]),
  );
});

test("an upgrade begins in an open window only, and a hook that fails keeps a node from its reboot", async () => {
  const trial = await Trial.of(versioned({ talos: "v1.13.0", kubernetes: "v1.36.3" }));
  const wanted = versioned({ talos: "v1.13.10", kubernetes: "v1.36.3" });
  const closed = await trial.up({ ...wanted, maintenance: { windows: openingIn(12), hooks: [] } });
  expect(closed.join()).toContain("no maintenance window is open");
  expect([trial.acts, trial.cluster.upgrades.taken]).toEqual([[], []]);
  const command = ["sh", "-c", '[ "$PLINTH_NODE" != cp-3 ] || { echo the backup runs; exit 1; }'];
  const { hooks } = maintenanceSchema.parse({ hooks: [{ when: "before", steps: ["reboot"], command }] });
  const stopped = await trial.up({ ...wanted, maintenance: { windows: openingIn(-0.5), hooks } });
  expect(stopped.join()).toMatch(/the hook before reboot failed: sh ended with 1: the backup runs.*done: cp-2/);
  expect(trial.acts.filter((act) => act.startsWith("boot"))).toEqual(["boot cp-2 v1.13.10"]);
  expect([...trial.cluster.nodes.values()].filter(({ unschedulable }) => unschedulable)).toEqual([]);
  expect(await trial.up({ ...wanted, maintenance: { windows: openingIn(-0.5), hooks: [] } })).toEqual([]);
  expect(trial.cluster.upgrades.violations).toEqual([]);
});
