import { createHash } from "node:crypto";
import { z } from "zod";

/** What a snapshot is called, what is written down about it, and which ones are kept. Pure. */

const member = z.strictObject({
  id: z.string(),
  name: z.string(),
  peerUrls: z.array(z.string()).readonly(),
});

/** A step of an upgrade, as far as it tells the snapshots before it from others. */
const step = z.object({ axis: z.enum(["talos", "kubernetes"]), from: z.string(), to: z.string() });
export type SnapshotStep = Readonly<z.output<typeof step>>;

/** What lies beside a snapshot, as plain JSON without a secret: enough to choose one without opening any. */
export const manifestSchema = z.object({
  format: z.literal(1),
  name: z.string().min(1),
  /** The cluster by the id of its machine configuration, which no other cluster has, and by the name a person knows. */
  cluster: z.object({ id: z.string().min(1), name: z.string().min(1) }),
  /** Address of the node that it was taken from. */
  node: z.string(),
  at: z.iso.datetime(),
  /** Revision of etcd's key space. */
  revision: z.int().nonnegative(),
  /** etcdutl's hash of the snapshot, eight hex digits. */
  hash: z.string().regex(/^[0-9a-f]{8}$/),
  keys: z.int().nonnegative(),
  /** Size of the encrypted file in bytes. */
  bytes: z.int().positive(),
  /** SHA-256 of the encrypted file. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  members: z.array(member).readonly(),
  talos: z.string(),
  kubernetes: z.string().optional(),
  /** etcd's storage version, as `3.6.0`; empty where it does not tell. */
  etcd: z.string(),
  /** Public keys it is encrypted to; empty when it is a passphrase. */
  recipients: z.array(z.string()).readonly(),
  /** The step that it was taken for; absent when a person asked for it. */
  before: step.optional(),
});
export type Manifest = z.output<typeof manifestSchema>;

/** A snapshot that is safe in its store. */
export interface Snapshot {
  readonly name: string;
  /** Time it was begun, ISO 8601 in UTC. */
  readonly at: string;
  readonly revision: number;
  readonly hash: string;
  /** Size of the encrypted file in bytes. */
  readonly bytes: number;
  readonly members: Manifest["members"];
  /** Where it is, for people: a folder, or `s3://bucket/prefix`. */
  readonly store: string;
}

const ENDING = ".etcd.age";
const MANIFEST_ENDING = ".json";

/** What names of a cluster's snapshots begin with: its name, and a mark of its id that a namesake does not have. */
export function snapshotPrefix(cluster: Manifest["cluster"]): string {
  const mark = createHash("sha256").update(cluster.id).digest("hex").slice(0, 8);
  return `${cluster.name.replaceAll(/[^A-Za-z0-9.-]/g, "-")}-${mark}-`;
}

/** `home-1a2b3c4d-20261121T063332Z-r12345`; sorted by name means sorted by time. */
export function snapshotName(cluster: Manifest["cluster"], at: string, revision: number): string {
  const time = at.replace(/\.\d+Z$/, "Z").replaceAll(/[-:]/g, "");
  return `${snapshotPrefix(cluster)}${time}-r${revision}`;
}

/** File of a snapshot. */
export function snapshotFile(name: string): string {
  return `${name}${ENDING}`;
}

/** File of its manifest, written last: a snapshot without one is none. */
export function manifestFile(name: string): string {
  return `${snapshotFile(name)}${MANIFEST_ENDING}`;
}

/** Name of the snapshot whose manifest a file is; `undefined` for any other file. */
export function nameOfManifest(file: string): string | undefined {
  const ending = `${ENDING}${MANIFEST_ENDING}`;
  return file.endsWith(ending) ? file.slice(0, -ending.length) : undefined;
}

const DAY_MS = 86_400_000;

/** Snapshots without a manifest that were begun a day before `at` or earlier: runs that were killed have left them. */
export function abandoned(files: readonly string[], at: string): readonly string[] {
  const whole = new Set(files.map(nameOfManifest));
  return files
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .filter((name) => !whole.has(name) && Date.parse(at) - begun(name) >= DAY_MS);
}

/** When a snapshot of this name was begun, in milliseconds since 1970; not a number for other names. */
function begun(name: string): number {
  const [, date = "", time = ""] = /-(\d{8})T(\d{6})Z-r\d+$/.exec(name) ?? [];
  const [year, hour] = [date.replace(/(....)(..)(..)/, "$1-$2-$3"), time.replace(/(..)(..)(..)/, "$1:$2:$3")];
  return Date.parse(`${year}T${hour}Z`);
}

/** Newest first; of one moment the higher revision first. */
export function newestFirst(manifests: readonly Manifest[]): readonly Manifest[] {
  return [...manifests].sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.revision - a.revision);
}

/** Which snapshots are looked at, and which of them stay. */
interface Keeping {
  /** Id of their cluster. */
  readonly cluster: string;
  /** Whether those that upgrades took are looked at, or those that a person asked for. */
  readonly taken: "for-upgrades" | "by-hand";
  readonly keep: number;
  readonly named: ReadonlySet<string>;
}

/**
 * Snapshots that may go: of this cluster alone, beyond the newest `keep`, and none that is named somewhere, as in the
 * journal of an upgrade that may have to be undone with it. Both kinds are counted apart: who takes one by hand does not
 * know that journal, and an upgrade of many steps crowds out nobody's own.
 */
export function prunable(manifests: readonly Manifest[], { cluster, taken, keep, named }: Keeping): readonly string[] {
  const forUpgrades = taken === "for-upgrades";
  const own = newestFirst(
    manifests.filter((manifest) => manifest.cluster.id === cluster && (manifest.before !== undefined) === forUpgrades),
  );
  return own
    .slice(Math.max(1, keep))
    .map(({ name }) => name)
    .filter((name) => !named.has(name));
}

/**
 * The first snapshot that was taken before a step, after `since` (ISO 8601): runs that were killed on the way have taken
 * one each, and told nobody. `undefined` if there is none.
 */
export function firstBefore(
  manifests: readonly Manifest[],
  { cluster, step: { axis, from }, since = "" }: { cluster: string; step: Omit<SnapshotStep, "to">; since?: string },
): string | undefined {
  const taken = manifests.filter(({ cluster: { id }, before, at }) => {
    return id === cluster && before?.axis === axis && before.from === from && !(Date.parse(at) < Date.parse(since));
  });
  return newestFirst(taken).at(-1)?.name;
}
