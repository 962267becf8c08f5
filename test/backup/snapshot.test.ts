/** Which snapshots may go, for any store and any clock. */
import fc from "fast-check";
import {
  firstBefore,
  type Manifest,
  manifestFile,
  nameOfManifest,
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
    from: fc.constantFrom(undefined, "v1.12.0", "v1.13.9"),
  })
  .map(({ cluster, hour, revision, from }): Manifest => {
    const at = new Date(Date.UTC(2026, 0, 1) + hour * HOUR).toISOString();
    const name = snapshotName(cluster, at, revision);
    const rest = { node: "10.0.0.1", hash: "0".repeat(8), keys: 1, bytes: 1, sha256: "0".repeat(64), members: [] };
    const before = from === undefined ? {} : { before: { axis: "talos" as const, from, to: "v1.14.1" } };
    return { format: 1, name, cluster, at, revision, ...rest, talos: "v1.13.0", etcd: "", recipients: [], ...before };
  });
const store = fc.uniqueArray(manifest, { selector: ({ name }) => name, maxLength: 30 });

test("never the newest, a named one, another cluster's or of the other kind, never more than needed", () => {
  const kind = fc.constantFrom("for-upgrades" as const, "by-hand" as const);
  fc.assert(
    fc.property(store, fc.integer({ min: -1, max: 8 }), kind, fc.func(fc.boolean()), (manifests, keep, taken, pick) => {
      const named = new Set(manifests.map(({ name }) => name).filter((name) => pick(name)));
      const gone = new Set(prunable(manifests, { cluster: "first", taken, keep, named }));
      const isOwn = ({ cluster, before }: Manifest) =>
        cluster.id === "first" && (before === undefined) === (taken === "by-hand");
      const own = newestFirst(manifests.filter(isOwn));
      for (const each of manifests) if (!isOwn(each) || named.has(each.name)) expect(gone).not.toContain(each.name);
      const most = Math.max(1, keep);
      expect(own.slice(0, most).filter(({ name }) => gone.has(name))).toEqual([]);
      expect(own.slice(most).filter(({ name }) => !gone.has(name) && !named.has(name))).toEqual([]);
    }),
  );
});

test("the first before a step is the oldest of this cluster since the last change, whatever came of the step", () => {
  fc.assert(
    fc.property(store, fc.integer({ min: 0, max: 24 * 60 }), (manifests, hour) => {
      const since = new Date(Date.UTC(2026, 0, 1) + hour * HOUR).toISOString();
      const step = { axis: "talos", from: "v1.12.0" } as const;
      const found = firstBefore(manifests, { cluster: "first", step, since });
      const fitting = manifests.filter(
        ({ cluster, before, at }) => cluster.id === "first" && before?.from === step.from && at >= since,
      );
      const oldest = fitting.map(({ at }) => at).sort()[0];
      expect(fitting.find(({ name }) => name === found)?.at).toBe(oldest);
      expect(
        firstBefore(manifests, { cluster: "first", step: { axis: "kubernetes", from: "v1.12.0" } }),
      ).toBeUndefined();
    }),
  );
});

test("names sort by time and tell namesakes apart", () => {
  fc.assert(
    fc.property(manifest, manifest, (a, b) => {
      if (a.cluster.id === b.cluster.id && a.at !== b.at) expect(a.name < b.name).toBe(a.at < b.at);
      if (a.cluster.id !== b.cluster.id) expect(b.name.startsWith(snapshotPrefix(a.cluster))).toBe(false);
      expect(nameOfManifest(manifestFile(a.name))).toBe(a.name);
    }),
  );
  expect(nameOfManifest("readme.json")).toBeUndefined();
});
