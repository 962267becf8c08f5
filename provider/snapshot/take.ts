/** Takes a snapshot of etcd: verified, encrypted, outside the cluster, read back. */
import { closeSync } from "node:fs";
import {
  type Manifest,
  type Snapshot,
  type SnapshotStep,
  snapshotFile,
  snapshotName,
} from "../../components/backup/snapshot";
import type { Backup } from "../../components/backup/spec";
import { refuse } from "../../components/problem";
import type { Context } from "../resource";
import { openNameless } from "../talosctl/secretfile";
import type { EtcdMember, Talos } from "../talosctl/talos";
import { checkpoint } from "../wait";
import { bytesOf, digest, fill, soundLength } from "./bytes";
import { snapshotStatus } from "./etcdutl";
import { identityOf } from "./identity";
import { writeManifest } from "./manifests";
import { openStore } from "./open";
import { prune } from "./prune";
import { sealer } from "./seal";
import type { Store } from "./store";

/** What a snapshot is taken of, and where it goes. */
export interface SnapshotInputs {
  /** Address of the control plane whose etcd member is asked. */
  readonly node: string;
  readonly backup: Backup;
  /** The step of an upgrade that follows. @default - none, a person asked for it */
  readonly before?: SnapshotStep;
  /** Names of snapshots that must stay beyond `keep`, as a journal holds them. @default - none */
  readonly named?: ReadonlySet<string>;
}

/** What taking and restoring need of their surroundings. */
export type SnapshotContext = Pick<Context, "config" | "signal" | "log" | "audit" | "redact">;

/** A database whose size nobody told. */
const UNKNOWN_SIZE = 256 << 20;

/**
 * A fresh snapshot, safe in the store when this returns: whole by etcd's own checksum and by etcdutl, taken while the
 * members stayed the same, encrypted, written, and read back with the same digest. Its plain bytes were only ever in a
 * file without a name. Then snapshots beyond `keep` go.
 */
export async function takeSnapshot(inputs: SnapshotInputs, talos: Talos, context: SnapshotContext): Promise<Snapshot> {
  const { node, backup, before } = inputs;
  const { signal, log } = context;
  const { store, problems } = openStore(backup, context.config);
  const sealed = await sealer(backup);
  refuse("no snapshot can be taken", [...problems, ...sealed.problems]);

  const at = new Date().toISOString();
  const { api: _, ...identity } = identityOf(await talos.configuration(node, signal));
  const version = await talos.version(node, signal);
  const { members, bytes } = await lookAtMembers(node, talos, signal);
  await context.audit({ act: "snapshot", target: identity.cluster.name, detail: `reads etcd into ${store.where}` });

  const plain = openNameless(bytes);
  const cipher = openNameless(bytes);
  try {
    log.progress("takes a snapshot of etcd");
    await talos.etcdSnapshot(node, plain, signal);
    const length = await soundLength(plain);
    const status = await snapshotStatus(plain, signal);
    sameMembers(members, (await lookAtMembers(node, talos, signal)).members);
    checkpoint(signal);

    const file = await fill(cipher, await sealed.seal(bytesOf(plain, length)));
    const manifest: Manifest = {
      format: 1,
      name: snapshotName(identity.cluster, at, status.revision),
      ...identity,
      node,
      at,
      ...status,
      ...file,
      members: members.map(({ id, hostname, peerUrls }) => ({ id, name: hostname, peerUrls })),
      talos: version,
      recipients: backup.passphrase ? [] : backup.recipients,
      ...(before !== undefined && { before }),
    };
    log.progress(`writes ${manifest.name} to ${store.where}`);
    await place(store, manifest, cipher, signal);
    log.info(
      `snapshot ${manifest.name}: revision ${status.revision}, ${status.keys} keys, hash ${status.hash}, in ${store.where}`,
    );
    await prune(store, manifest, inputs, context);
    const { name, revision, hash } = manifest;
    return { name, at, revision, hash, bytes: file.bytes, members: manifest.members, store: store.where };
  } finally {
    closeSync(plain);
    closeSync(cipher);
  }
}

interface Membership {
  readonly members: readonly EtcdMember[];
  /** Size of the database, rounded. */
  readonly bytes: number;
}

/** etcd as this node sees it; throws if a snapshot of it would not be one of the cluster. */
async function lookAtMembers(node: string, talos: Talos, signal: AbortSignal): Promise<Membership> {
  const status = await talos.etcdStatus(node, signal);
  const members = await talos.etcdMembers(node, signal);
  const own = members.find(({ id }) => id === status.member);
  if (own === undefined) throw new Error(`${node} is not among the members of etcd that it lists: take another node`);
  if (own.learner || status.learner) throw new Error(`${node} is still learning what etcd holds: take another node`);
  const corrupt = status.errors.find((error) => /corrupt/i.test(error));
  if (corrupt !== undefined) throw new Error(`${node} holds a damaged etcd (${corrupt}): take another node`);
  return { members, bytes: status.bytes ?? UNKNOWN_SIZE };
}

function sameMembers(before: readonly EtcdMember[], after: readonly EtcdMember[]): void {
  const ids = (members: readonly EtcdMember[]): string => [...members.map(({ id }) => id)].sort().join(" ");
  if (ids(before) === ids(after)) return;
  throw new Error("the members of etcd changed while the snapshot was taken: run the same command again");
}

/** The file, what came back of it, then the manifest. */
async function place(store: Store, manifest: Manifest, cipher: number, signal: AbortSignal): Promise<void> {
  const { bytes, sha256 } = manifest;
  const file = snapshotFile(manifest.name);
  await store.put(file, { bytes, sha256, open: () => bytesOf(cipher, bytes) }, signal);
  const stored = await digest(await store.get(file, signal));
  if (stored !== sha256) {
    await store.remove(file, signal);
    throw new Error(`${store.where} gives back another file than was written (${stored} instead of ${sha256})`);
  }
  await writeManifest(store, manifest, signal);
}
