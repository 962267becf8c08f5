import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { judge, leaseRecovery, recoverStack, stackPlace, withoutPendingCreates } from "../../cli/commands/recover";

const lock = { pid: 7, username: "ann", hostname: "desk", timestamp: "2026-01-01T10:00:00Z" };
const taken = Date.parse(lock.timestamp);

describe("judge", () => {
  test.each([
    ["a process that is gone", undefined, "dead"],
    ["a process that was there before the lock", taken - 1000, "alive"],
    ["a later process with the same number", taken + 60_000, "dead"],
  ] as const)("%s", (_, started, verdict) => {
    expect(judge(lock, { host: "desk", started: () => started })).toBe(verdict);
  });

  test("never judges another host, or a lock that does not say who holds it", () => {
    expect(judge(lock, { host: "other", started: () => undefined })).toBe("elsewhere");
    expect(judge({}, { host: "desk", started: () => undefined })).toBe("elsewhere");
  });
});

test("withoutPendingCreates clears creates alone", () => {
  const operation = (type: string) => ({ type, resource: { urn: `urn:pulumi:lab::demo::plinth:x:Y::${type}` } });
  const before = {
    version: 3,
    checkpoint: { latest: { resources: [1], pending_operations: [operation("creating"), operation("updating")] } },
  };
  const { kept, urns, unsure } = withoutPendingCreates(before);
  expect([urns, unsure]).toEqual([["urn:pulumi:lab::demo::plinth:x:Y::creating"], []]);
  expect(kept).toEqual({
    version: 3,
    checkpoint: { latest: { resources: [1], pending_operations: [operation("updating")] } },
  });
});

test.each([
  ["plinth:latitude:Server", true],
  ["plinth:site:Site$plinth:x:Y$kubernetes:core/v1:Secret", true],
  ["talos:imageFactory/schematic:Schematic", true],
  ["command:remote:Command", true],
  ["pulumi:providers:talos", true],
  ["plinth:site:Site$vultr:index/instance:Instance", false],
  ["hcloud:index/server:Server", false],
  ["proxmoxve:index/vmLegacy:VmLegacy", false],
  ["aws:s3/bucket:Bucket", false],
])("a pending create of %s is cleared: %s", (type, cleared) => {
  const operation = { type: "creating", resource: { urn: `urn:pulumi:home::demo::${type}::one` } };
  const { kept, urns, unsure } = withoutPendingCreates({ checkpoint: { latest: { pending_operations: [operation] } } });
  expect([urns.length, unsure.length]).toEqual(cleared ? [1, 0] : [0, 1]);
  expect(kept.checkpoint?.latest?.pending_operations).toEqual(cleared ? undefined : [operation]);
});

test("leases are told by what became of them, another host's with its age and the way out", () => {
  const lease = { name: "cluster-home", file: "/leases/cluster-home.lease", holder: "ann@desk (pid 7)", host: "desk" };
  const ago = (hours: number) => taken - hours * 3_600_000;
  expect(
    leaseRecovery(
      [
        { ...lease, since: taken, verdict: "dead" },
        { ...lease, since: taken, verdict: "alive" },
        { ...lease, since: ago(72), verdict: "elsewhere" },
        { name: "half", file: "/leases/half.lease", verdict: "dead" },
      ],
      taken,
    ),
  ).toEqual({
    done: [
      "Removed the lease cluster-home of ann@desk (pid 7): that process is gone.",
      "Removed the lease half: it was only half written.",
    ],
    held: [
      "cluster-home is being changed by ann@desk (pid 7): wait until it ends.",
      "cluster-home was taken 3 days ago by ann@desk (pid 7), which cannot be seen from here: see on desk; if that host is gone for good, remove /leases/cluster-home.lease.",
    ],
  });
});

describe("recoverStack", () => {
  const backend = mkdtempSync(join(tmpdir(), "plinth-recover-"));
  const place = { backend, project: "demo", stack: "lab" };
  const lockFile = join(backend, ".pulumi/locks/organization/demo/lab/one.json");
  const stateFile = join(backend, ".pulumi/stacks/demo/lab.json");
  const pending = {
    checkpoint: {
      latest: { pending_operations: [{ type: "creating", resource: { urn: "urn:pulumi:lab::demo::plinth:x:Y::y" } }] },
    },
  };
  afterAll(() => rmSync(backend, { recursive: true, force: true }));

  beforeEach(() => {
    for (const file of [lockFile, stateFile]) mkdirSync(dirname(file), { recursive: true });
    writeFileSync(stateFile, JSON.stringify(pending));
  });

  test("leaves a stack alone that a living process updates", () => {
    writeFileSync(
      lockFile,
      JSON.stringify({ ...lock, pid: process.pid, hostname: hostname(), timestamp: new Date().toISOString() }),
    );
    const { done, held } = recoverStack(place);
    expect(done).toEqual([]);
    expect(held.join()).toMatch(new RegExp(`being updated by ann@${hostname()} \\(pid ${process.pid}`));
    expect(existsSync(lockFile)).toBe(true);
    expect(JSON.parse(readFileSync(stateFile, "utf8"))).toEqual(pending);
  });

  test("removes the lock of a dead process, clears its creates, and says both", () => {
    writeFileSync(lockFile, JSON.stringify({ ...lock, pid: 2 ** 22 + 1, hostname: hostname() }));
    const { done, held } = recoverStack(place);
    expect(held).toEqual([]);
    expect(done).toEqual([
      expect.stringMatching(/^Removed the lock of ann@/),
      "Cleared an interrupted create: plinth:x:Y y. The next update makes it.",
    ]);
    expect(existsSync(lockFile)).toBe(false);
    expect(readFileSync(stateFile, "utf8")).not.toContain("creating");
    expect(recoverStack(place)).toEqual({ done: [], held: [] });
  });

  test("leaves the order of a machine alone that may have reached its vendor, and says how to go on", () => {
    const urn = "urn:pulumi:lab::demo::plinth:site:Site$vultr:index/instance:Instance::cp-1";
    const order = { type: "creating", resource: { urn, inputs: { label: "home-cp-1", region: "fra" } } };
    const both = [...pending.checkpoint.latest.pending_operations, order];
    writeFileSync(stateFile, JSON.stringify({ checkpoint: { latest: { pending_operations: both } } }));
    const { done, held } = recoverStack(place);
    expect(done).toEqual(["Cleared an interrupted create: plinth:x:Y y. The next update makes it."]);
    expect(held).toEqual([
      `vultr:index/instance:Instance may exist at the vendor as home-cp-1: an update was killed while it made it, and the next one would make a second. Look there. If it exists: pulumi refresh --stack lab --import-pending-creates '${urn}' --import-pending-creates ID, with the vendor's ID of it; if it does not, or once you have deleted it there: pulumi refresh --stack lab --clear-pending-creates.`,
    ]);
    expect(JSON.parse(readFileSync(stateFile, "utf8")).checkpoint.latest.pending_operations).toEqual([order]);
    expect(recoverStack(place)).toEqual({ done: [], held });
  });
});

describe("stackPlace", () => {
  const folder = mkdtempSync(join(tmpdir(), "plinth-place-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("reads the project file, and lets the environment win as the engine does", () => {
    writeFileSync(join(folder, "Pulumi.yaml"), "name: demo\nbackend:\n  url: file://./state\n");
    expect(stackPlace(folder, "lab", {})).toEqual({ backend: join(folder, "state"), project: "demo", stack: "lab" });
    const backend = (url: string) => stackPlace(folder, "lab", { PULUMI_BACKEND_URL: url }).backend;
    expect(backend("file:///srv/x")).toBe("/srv/x");
    expect(backend("file:///srv/x?metadata=skip")).toBe("/srv/x");
    expect(backend("file://./near?metadata=skip")).toBe(join(folder, "near"));
  });

  test("has nothing to do in a backend that is a service", () => {
    expect(() => stackPlace(folder, "lab", { PULUMI_BACKEND_URL: "https://api.pulumi.com" })).toThrow(
      /use `pulumi cancel`/,
    );
  });
});
