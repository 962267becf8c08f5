/**
 * A process that is killed before any single step of taking a snapshot, or of putting one back: only whole snapshots are
 * ever in the store, and the same command again comes to the end. The dead go on with nothing: a step that they do not
 * survive never returns, so nothing after it runs, no cleaning up either.
 */
import { mkdtempSync, rmSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { type Manifest, snapshotFile } from "../../components/backup/snapshot";
import type { Backup } from "../../components/backup/spec";
import { digest } from "../../provider/snapshot/bytes";
import { folderStore } from "../../provider/snapshot/folder";
import { readManifests } from "../../provider/snapshot/manifests";
import { planRestore } from "../../provider/snapshot/restore";
import { takeSnapshot } from "../../provider/snapshot/take";
import type { FakeCluster } from "../provider/cluster";
import { listen } from "../provider/context";
import { machines, site } from "../provider/release";
import { etcdTools, RealEtcd } from "./etcd";

// The first run may have to build the tools.
jest.setTimeout(600_000);

/** Steps made so far, and the one that is not survived. */
const mockLife = {
  steps: 0,
  end: Number.POSITIVE_INFINITY,
  died: (): void => undefined,
  /** Files that the dead have left open; the system would close them. */
  files: [] as FileHandle[],
  /** The step, unless it is the one; then as much of it as a kill lets happen. */
  step<T>(whole: () => Promise<T>, partly: () => Promise<unknown> = async () => undefined): Promise<T> {
    if (this.steps++ < this.end) return whole();
    const { died } = this;
    return new Promise<T>(() => void partly().finally(died));
  },
};

jest.mock("node:fs/promises", () => {
  const actual = jest.requireActual<typeof import("node:fs/promises")>("node:fs/promises");
  const mortal = <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) => {
    return (...args: A) => mockLife.step(() => call(...args));
  };
  /** A file that is being written: a kill in the middle leaves half of it. */
  const written = (file: FileHandle) => ({
    writeFile: (chunk: Uint8Array) =>
      mockLife.step(
        () => file.writeFile(chunk),
        () => file.writeFile(chunk.subarray(0, chunk.length / 2)),
      ),
    sync: () => mockLife.step(() => file.sync()),
    close: () => file.close(),
  });
  return {
    ...actual,
    mkdir: mortal(actual.mkdir),
    rename: mortal(actual.rename),
    rm: mortal(actual.rm),
    open: async (path: string, flags: string, mode?: number) => {
      if (flags !== "wx") return actual.open(path, flags, mode);
      const file = await mockLife.step(() => actual.open(path, flags, mode));
      mockLife.files.push(file);
      return written(file);
    },
  };
});

const root = mkdtempSync(join(tmpdir(), "plinth-kill-"));
const planes = ["10.0.0.11", "10.0.0.12", "10.0.0.13"];
let bytes: Buffer;
let identity: string;
let backup: Backup;
let place: string;
let cluster: FakeCluster;

beforeAll(async () => {
  // Names count in seconds: every look at the clock is in a second of its own.
  const told = Date.prototype.toISOString;
  let now = Date.now();
  jest.spyOn(Date.prototype, "toISOString").mockImplementation(() => {
    now += 1000;
    return told.call(new Date(now));
  });
  const { etcd, etcdutl } = await etcdTools();
  process.env.PLINTH_ETCDUTL = etcdutl;
  const running = await RealEtcd.start(etcd);
  bytes = await running.snapshot();
  await running.stop();
  identity = await generateIdentity();
});
afterAll(async () => {
  jest.restoreAllMocks();
  for (const file of mockLife.files) await file.close();
  delete process.env.PLINTH_ETCDUTL;
  rmSync(root, { recursive: true, force: true });
});

async function fresh(): Promise<void> {
  place = mkdtempSync(join(root, "store-"));
  backup = { store: { path: place }, recipients: [await identityToRecipient(identity)], keep: 1 };
  cluster = machines(site());
  cluster.etcdBytes = bytes;
}

/** Drivers of a process that may be killed before any call. */
const talos = () => {
  const driver = cluster.drivers.talos(site().clientConfiguration, (text) => text);
  return new Proxy(driver, {
    get(target, name) {
      const member = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]) => mockLife.step(() => member.apply(target, args));
    },
  });
};

/** Whether the work was killed before it came to its end. */
async function killed(at: number, work: () => Promise<unknown>): Promise<boolean> {
  Object.assign(mockLife, { steps: 0, end: at });
  const death = new Promise<true>((resolve) => {
    mockLife.died = () => resolve(true);
  });
  try {
    return await Promise.race([death, work().then(() => false)]);
  } finally {
    mockLife.end = Number.POSITIVE_INFINITY;
  }
}

const take = () => takeSnapshot({ node: "10.0.0.11", backup }, talos(), listen().context);
const shelf = async (): Promise<readonly Manifest[]> => {
  const { manifests, unreadable } = await readManifests(folderStore(place), "", listen().context.signal);
  expect(unreadable).toEqual([]);
  return manifests;
};

test("of taking one: there is never less than before, what is there is whole, and the next run takes one", async () => {
  let points = 0;
  for (let at = 0; ; at++) {
    await fresh();
    await take();
    const died = await killed(at, take);
    if (!died) break;
    points++;
    const left = await shelf();
    expect([at, left.length > 0]).toEqual([at, true]);
    for (const { name, sha256 } of left) {
      const file = await folderStore(place).get(snapshotFile(name), listen().context.signal);
      expect([at, await digest(file)]).toEqual([at, sha256]);
    }
    const { name } = await take();
    expect([at, (await shelf()).map((each) => each.name)]).toEqual([at, [name]]);
  }
  expect(points).toBeGreaterThan(15);
});

test("of putting one back: the next run does, or etcd has begun from the snapshot", async () => {
  let points = 0;
  await fresh();
  await take();
  const [manifest] = await shelf();
  if (manifest === undefined) throw new Error("there is no snapshot");
  for (let at = 0; ; at++) {
    cluster = machines(site());
    for (const node of cluster.nodes.values()) Object.assign(node, { etcd: false, leader: false });
    const restore = async () => {
      const plan = await planRestore(
        {
          ...{ manifest, store: folderStore(place), keys: { identities: [identity] }, controlPlanes: planes },
          ...{ endpoint: cluster.drivers.endpoint, pollMs: 1 },
        },
        talos(),
        listen().context,
      );
      try {
        await plan.carryOut();
      } finally {
        plan.close();
      }
    };
    if (!(await killed(at, restore))) break;
    points++;
    const begun = cluster.recovered !== undefined;
    const refusal = await restore().then(
      () => "",
      (error: Error) => error.message,
    );
    if (begun) expect([at, refusal]).toEqual([at, expect.stringMatching(/etcd runs there/)]);
    else expect([at, refusal]).toEqual([at, ""]);
    expect([at, cluster.recovered?.equals(bytes)]).toEqual([at, true]);
    for (const node of cluster.nodes.values()) expect([at, node.configuration === undefined]).toEqual([at, false]);
  }
  expect(points).toBeGreaterThan(15);
});
