/** Lets old snapshots of one cluster go, and what killed runs have left. */
import { abandoned, type Manifest, prunable, snapshotFile, snapshotPrefix } from "../../components/backup/snapshot";
import { sentence } from "../host/failure";
import { readManifests, removeSnapshot } from "./manifests";
import type { Store } from "./store";
import type { SnapshotContext, SnapshotInputs } from "./take";

/**
 * Removes what lies beyond `keep`. A store that does not let go is no reason to fail: one snapshot too many is safer
 * than one too few.
 */
export async function prune(
  store: Store,
  newest: Manifest,
  { backup, named, before }: SnapshotInputs,
  { signal, log }: Pick<SnapshotContext, "signal" | "log">,
): Promise<void> {
  try {
    const prefix = snapshotPrefix(newest.cluster);
    for (const name of abandoned(await store.list(prefix, signal), newest.at)) {
      await store.remove(snapshotFile(name), signal);
      log.info(`removed ${name}, which a run that was killed has left without a manifest`);
    }
    const { manifests } = await readManifests(store, prefix, signal);
    // A clock that was wrong once may make an older one look newer.
    const keep = new Set([newest.name, ...(named ?? [])]);
    const taken = before === undefined ? "by-hand" : "for-upgrades";
    const old = prunable(manifests, { cluster: newest.cluster.id, taken, keep: backup.keep, named: keep });
    for (const name of old) {
      await removeSnapshot(store, name, signal);
      log.info(`removed the old snapshot ${name}: ${backup.keep} are kept`);
    }
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`old snapshots in ${store.where} were not removed: ${sentence(error)}`);
  }
}
