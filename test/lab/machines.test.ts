import { execFileSync } from "node:child_process";
import path from "node:path";
import type { LabStatus } from "../../lab/status/status";
import { lab, mustLab, StackFile } from "../support/lab";
import { ROOT } from "../support/site";

/**
 * One lab whose machines come, go and die by edits of its site file, through the real engine and the real talosctl. The
 * tests run in order, each goes on where the last one stopped.
 */
jest.setTimeout(900_000);

const NAME = "test-machines";
const site = new StackFile();

beforeAll(async () => {
  await mustLab(NAME, "reset");
});

afterAll(async () => {
  await lab(NAME, ["reset"]);
  site.remove();
});

async function status(): Promise<LabStatus> {
  return JSON.parse(await mustLab(NAME, "status", "--json"));
}

async function members(through = "cp-2"): Promise<string[]> {
  const { machines } = await status();
  const address = machines.find(({ name }) => name === through)?.address ?? "";
  const table = await mustLab(NAME, "talosctl", "-n", address, "etcd", "members");
  return [...table.matchAll(/\s(cp-\d)\s/g)].map((match) => match[1] ?? "").sort();
}

async function bootIds(): Promise<Record<string, string>> {
  return Object.fromEntries((await status()).machines.map(({ name, bootId }) => [name, bootId]));
}

function plinth(...args: string[]): string {
  return execFileSync(process.execPath, [path.join(ROOT, "dist/cli/main.js"), ...args], { encoding: "utf8" });
}

const plane = (digit: number, wwid: string) => ({
  role: "controlplane",
  mac: `52:54:00:77:00:4${digit}`,
  address: `127.77.0.1${digit}`,
  disk: { wwid },
});

it("three control planes become five", async () => {
  await mustLab(NAME, "up", "--site", site.path);
  expect(await members()).toEqual(["cp-1", "cp-2", "cp-3"]);
  site.edit((file) => {
    file.machines["cp-4"] = plane(4, "naa.5000c500a0770014");
    file.machines["cp-5"] = plane(5, "naa.5000c500a0770015");
  });
  await mustLab(NAME, "up");
  expect(await members()).toEqual(["cp-1", "cp-2", "cp-3", "cp-4", "cp-5"]);
  expect((await status()).nodes?.filter(({ ready }) => ready)).toHaveLength(7);
});

it("and three again, the first one gone: out of etcd before their disks are wiped, nobody else reboots", async () => {
  const before = await bootIds();
  site.edit((file) => {
    delete file.machines["cp-1"];
    delete file.machines["cp-5"];
    delete file.machines["worker-2"];
  });
  const shown = await lab(NAME, ["preview"]);
  expect(shown.stderr).toMatch(/worker-2: is drained and wiped/);
  expect(shown.stderr).toMatch(/cp-1, cp-5: leaves etcd and is wiped, one after the other; 3 control planes stay/);
  await mustLab(NAME, "up");
  expect(await members()).toEqual(["cp-2", "cp-3", "cp-4"]);
  const { nodes, machines } = await status();
  expect(nodes?.map(({ name, ready }) => `${name} ${ready}`).sort()).toEqual(
    ["cp-2", "cp-3", "cp-4", "worker-1"].map((name) => `${name} true`),
  );
  // Only a machine that was wiped is taken out of the rack.
  expect(machines.map(({ name }) => name).sort()).toEqual(["cp-2", "cp-3", "cp-4", "worker-1"]);
  const after = await bootIds();
  for (const name of ["cp-2", "cp-3", "cp-4", "worker-1"]) expect([name, after[name]]).toEqual([name, before[name]]);
  await mustLab(NAME, "preview", "--expect-no-changes");
});

it("a control plane whose disk was lost is named at once, and replaced under its key", async () => {
  await mustLab(NAME, "fault", "cp-3", "wiped");
  const before = await bootIds();
  site.edit((file) => {
    file.kubernetes.apiServer = { extraArgs: { "event-ttl": "2h0m0s" } };
  });
  const started = Date.now();
  const stopped = await lab(NAME, ["up"]);
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toMatch(
    /cp-3 waits in maintenance mode although it ran before: .*generation to 2 \(plinth renew/,
  );
  expect(Date.now() - started).toBeLessThan(120_000);

  expect(plinth("renew", site.path, "cp-3")).toMatch(/machines\.cp-3\.generation is 2 now/);
  site.read();
  expect((await lab(NAME, ["preview"])).stderr).toMatch(/cp-3: is installed anew, as generation 2/);
  await mustLab(NAME, "up");
  expect(await members()).toEqual(["cp-2", "cp-3", "cp-4"]);
  const after = await bootIds();
  for (const name of ["cp-2", "cp-4", "worker-1"]) expect([name, after[name]]).toEqual([name, before[name]]);
  await mustLab(NAME, "preview", "--expect-no-changes");
});

it("a wiped worker comes back the same way", async () => {
  await mustLab(NAME, "fault", "worker-1", "wiped");
  plinth("renew", site.path, "worker-1");
  site.read();
  await mustLab(NAME, "up");
  const node = JSON.parse(await mustLab(NAME, "kubectl", "get", "node", "worker-1", "-o", "json"));
  expect(node.metadata.annotations["plinth.dev/generation"]).toBe("2");
  expect((await status()).nodes?.filter(({ ready }) => ready)).toHaveLength(4);
  await mustLab(NAME, "preview", "--expect-no-changes");
});
