import { createHash } from "node:crypto";
import { z } from "zod";

/** What a snapshot is called, what is written down about it, and which ones are kept. Pure. */

const member = z.strictObject({
  id: z.string(),
  name: z.string(),
  peerUrls: z.array(z.string()).readonly(),
});

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

/** Newest first; of one moment the higher revision first. */
export function newestFirst(manifests: readonly Manifest[]): readonly Manifest[] {
  return [...manifests].sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.revision - a.revision);
}

/**
 * Snapshots that may go: of this cluster alone, beyond the newest `keep`, and none that is named somewhere, as in the
 * journal of an upgrade that may have to be undone with it.
 */
export function prunable(
  manifests: readonly Manifest[],
  { cluster, keep, named }: { readonly cluster: string; readonly keep: number; readonly named: ReadonlySet<string> },
): readonly string[] {
  const own = newestFirst(manifests.filter((manifest) => manifest.cluster.id === cluster));
  return own
    .slice(Math.max(1, keep))
    .map(({ name }) => name)
    .filter((name) => !named.has(name));
}

/** Names of snapshots in running text, as a journal's details hold them. */
export function namesIn(texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.flatMap((text) => text.match(/\S+-[0-9a-f]{8}-\d{8}T\d{6}Z-r\d+/g) ?? []));
}
