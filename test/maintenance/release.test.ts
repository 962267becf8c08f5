/** Windows and hooks around the changes of a cluster. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Maintenance, maintenanceSchema } from "../../components/maintenance/spec";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { listen } from "../provider/context";
import { labels, machines, site } from "../provider/release";

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
