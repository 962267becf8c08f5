/** Which snapshots may go, for any store and any clock. */
import fc from "fast-check";
import {
  type Manifest,
  manifestFile,
  nameOfManifest,
  namesIn,
  newestFirst,
  prunable,
  snapshotName,
  snapshotPrefix,
} from "../../components/backup/snapshot";

const clusters = [
  { id: "first", name: "home" },
  { id: "second", name: "home" },
];
const HOUR = 3_600_000;

const manifest = fc
  .record({
    cluster: fc.constantFrom(...clusters),
    hour: fc.integer({ min: 0, max: 24 * 60 }),
    revision: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ cluster, hour, revision }): Manifest => {
    const at = new Date(Date.UTC(2026, 0, 1) + hour * HOUR).toISOString();
    const name = snapshotName(cluster, at, revision);
    const rest = { node: "10.0.0.1", hash: "0".repeat(8), keys: 1, bytes: 1, sha256: "0".repeat(64), members: [] };
    return { format: 1, name, cluster, at, revision, ...rest, talos: "v1.13.0", etcd: "", recipients: [] };
  });
const store = fc.uniqueArray(manifest, { selector: ({ name }) => name, maxLength: 30 });

test("never the newest, never a named one, never another cluster's, never more than needed", () => {
  fc.assert(
    fc.property(store, fc.integer({ min: -1, max: 8 }), fc.func(fc.boolean()), (manifests, keep, pick) => {
      const named = new Set(manifests.map(({ name }) => name).filter((name) => pick(name)));
      const gone = new Set(prunable(manifests, { cluster: "first", keep, named }));
      const own = newestFirst(manifests.filter(({ cluster }) => cluster.id === "first"));
      for (const { name, cluster } of manifests) {
        if (cluster.id !== "first" || named.has(name)) expect(gone).not.toContain(name);
      }
      const most = Math.max(1, keep);
      expect(own.slice(0, most).filter(({ name }) => gone.has(name))).toEqual([]);
      expect(own.slice(most).filter(({ name }) => !gone.has(name) && !named.has(name))).toEqual([]);
    }),
  );
});

test("names sort by time, tell namesakes apart, and are found in running text", () => {
  fc.assert(
    fc.property(manifest, manifest, (a, b) => {
      if (a.cluster.id === b.cluster.id && a.at !== b.at) expect(a.name < b.name).toBe(a.at < b.at);
      if (a.cluster.id !== b.cluster.id) expect(b.name.startsWith(snapshotPrefix(a.cluster))).toBe(false);
      expect(nameOfManifest(manifestFile(a.name))).toBe(a.name);
      expect(namesIn([`snapshot ${a.name}, in /srv`, b.name])).toEqual(new Set([a.name, b.name]));
    }),
  );
  expect(nameOfManifest("readme.json")).toBeUndefined();
});
