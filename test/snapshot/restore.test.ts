/** A snapshot comes back: opened, proved to be the one that was taken, and put in the place of etcd. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { type Manifest, manifestFile, snapshotFile } from "../../components/backup/snapshot";
import type { Backup } from "../../components/backup/spec";
import { folderStore } from "../../provider/snapshot/folder";
import { readManifests } from "../../provider/snapshot/manifests";
import { planRestore, type RestoreInputs, volumesOf } from "../../provider/snapshot/restore";
import { takeSnapshot } from "../../provider/snapshot/take";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import type { FakeCluster } from "../provider/cluster";
import { listen } from "../provider/context";
import { machines, site } from "../provider/release";
import { etcdTools, RealEtcd } from "./etcd";

// The first run may have to build the tools.
jest.setTimeout(600_000);

const root = mkdtempSync(join(tmpdir(), "plinth-restore-"));
const planes = ["10.0.0.11", "10.0.0.12", "10.0.0.13"];
let bytes: Buffer;
let identity: string;
let place: string;
let backup: Backup;
let cluster: FakeCluster;
let manifest: Manifest;
let number = 0;

beforeAll(async () => {
  const { etcd, etcdutl } = await etcdTools();
  process.env.PLINTH_ETCDUTL = etcdutl;
  const running = await RealEtcd.start(etcd);
  bytes = await running.snapshot();
  await running.stop();
  identity = await generateIdentity();
});
beforeEach(async () => {
  place = join(root, `store-${++number}`);
  backup = { store: { path: place }, recipients: [await identityToRecipient(identity)], keep: 2 };
  cluster = machines(site());
  cluster.etcdBytes = bytes;
  await takeSnapshot({ node: "10.0.0.11", backup }, talos(), listen().context);
  const { manifests } = await readManifests(folderStore(place), "", listen().context.signal);
  manifest = manifests[0] as Manifest;
});
afterAll(() => {
  delete process.env.PLINTH_ETCDUTL;
  rmSync(root, { recursive: true, force: true });
});

const talos = () => cluster.drivers.talos(site().clientConfiguration, (text) => text);
const inputs = (more: Partial<RestoreInputs> = {}): RestoreInputs => ({
  manifest,
  store: folderStore(place),
  keys: { identities: [identity] },
  controlPlanes: planes,
  endpoint: cluster.drivers.endpoint,
  pollMs: 1,
  ...more,
});
/** etcd is gone from every control plane. */
const lose = () => {
  for (const node of cluster.nodes.values()) Object.assign(node, { etcd: false, leader: false });
};
const changes = () => cluster.recorder.changes.map(({ name }) => name);

test("wipes each control plane, then starts etcd from the very bytes, each act on record", async () => {
  lose();
  const heard = listen();
  const plan = await planRestore(inputs(), talos(), heard.context);
  expect(changes()).toEqual([]);
  expect(plan.lines.join("\n")).toMatch(/^Lost: everything written .* 10\.0\.0\.11 \(EPHEMERAL\)/m);
  await plan.carryOut();
  plan.close();
  expect(cluster.wiped).toEqual(["cp-1 EPHEMERAL", "cp-2 EPHEMERAL", "cp-3 EPHEMERAL"]);
  expect(cluster.recovered?.equals(bytes)).toBe(true);
  expect(heard.acts.map(({ act }) => act)).toEqual(["wipe", "wipe", "wipe", "restore"]);
  for (const node of cluster.nodes.values()) expect(node.configuration).toBeDefined();
});

describe("is refused before anything is wiped", () => {
  test.each<[string, () => Partial<RestoreInputs>, RegExp]>([
    ["while etcd runs", () => ({}), /10\.0\.0\.11, 10\.0\.0\.12, 10\.0\.0\.13: etcd runs there/],
    [
      "for another cluster",
      () => {
        lose();
        return { manifest: { ...manifest, cluster: { ...manifest.cluster, id: "other" } } };
      },
      /10\.0\.0\.11: belongs to another cluster/,
    ],
    [
      "with a control plane that does not answer",
      () => {
        lose();
        return { controlPlanes: [...planes, "10.0.0.99"] };
      },
      /10\.0\.0\.99: connection refused \(every control plane has to answer/,
    ],
    [
      "with another key",
      () => {
        lose();
        return { keys: { identities: [], passphrase: "no" } };
      },
      /cannot be opened with the keys given \(give --identity with the private key of age1/,
    ],
    [
      "with a key that is none",
      () => {
        lose();
        return { keys: { identities: ["AGE-SECRET-KEY-1NONSENSE"] } };
      },
      /the identity is not an age private key/,
    ],
    [
      "when the file was changed",
      () => {
        lose();
        appendFileSync(join(place, snapshotFile(manifest.name)), "x");
        return {};
      },
      /is not the file that was written/,
    ],
    [
      "when it is another than its manifest says",
      () => {
        lose();
        return { manifest: { ...manifest, revision: 1 } };
      },
      /is another snapshot than its manifest says/,
    ],
  ])("%s", async (_, prepare, reason) => {
    const wrong = inputs(prepare());
    const message = await planRestore(wrong, talos(), listen().context).catch((error: Error) => error.message);
    expect(message).toMatch(reason);
    expect(message).not.toContain("NONSENSE");
    expect(changes()).toEqual([]);
  });
});

test("an etcd that runs is thrown away only when somebody says so", async () => {
  const plan = await planRestore(inputs({ evenIfRunning: true }), talos(), listen().context);
  await plan.carryOut();
  plan.close();
  expect(cluster.recovered?.equals(bytes)).toBe(true);
});

test("ends between two steps when it is cancelled, and a second run finishes it", async () => {
  lose();
  const heard = listen([], ({ act, target }) => {
    if (act === "wipe" && target.endsWith("10.0.0.12")) heard.abort("it was interrupted");
  });
  const plan = await planRestore(inputs(), talos(), heard.context);
  await expect(plan.carryOut()).rejects.toThrow("interrupted");
  plan.close();
  expect(cluster.recovered).toBeUndefined();
  const again = await planRestore(inputs(), talos(), listen().context);
  await again.carryOut();
  again.close();
  expect(cluster.recovered?.equals(bytes)).toBe(true);
});

test("only what holds etcd is wiped: a volume of its own where there is one", () => {
  expect(volumesOf("machine: {}\n")).toEqual(["EPHEMERAL"]);
  expect(volumesOf("machine: {}\n---\napiVersion: v1alpha1\nkind: VolumeConfig\nname: ETCD\n")).toEqual(["ETCD"]);
});

test("a broken manifest hides no other snapshot, and a half-written snapshot is none", async () => {
  writeFileSync(join(place, manifestFile("talos-0-broken")), "{");
  writeFileSync(join(place, snapshotFile("talos-0-half")), "half");
  const { manifests, unreadable } = await readManifests(folderStore(place), "", listen().context.signal);
  expect(manifests.map(({ name }) => name)).toEqual([manifest.name]);
  expect(unreadable).toEqual([manifestFile("talos-0-broken")]);
});

test("destroying the cluster deletes no snapshot", async () => {
  const declared = { ...site(), backup };
  const resource = clusterRelease(cluster.drivers);
  const { outputs } = await resource.create(declared, listen().context);
  const before = readFileSync(join(place, snapshotFile(manifest.name)));
  await resource.delete("demo", { inputs: declared, outputs }, listen().context);
  expect([...cluster.nodes.values()].map(({ configuration }) => configuration)).toEqual(Array(5).fill(undefined));
  expect(readFileSync(join(place, snapshotFile(manifest.name))).equals(before)).toBe(true);
  const { manifests } = await readManifests(folderStore(place), "", listen().context.signal);
  expect(manifests).toEqual([manifest]);
});
