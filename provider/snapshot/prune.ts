/** Lets old snapshots of one cluster go. */
import { type Manifest, prunable, snapshotPrefix } from "../../components/backup/snapshot";
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
  { backup, named }: SnapshotInputs,
  { signal, log }: Pick<SnapshotContext, "signal" | "log">,
): Promise<void> {
  try {
    const { manifests } = await readManifests(store, snapshotPrefix(newest.cluster), signal);
    // A clock that was wrong once may make an older one look newer.
    const keep = new Set([newest.name, ...(named ?? [])]);
    const old = prunable(manifests, { cluster: newest.cluster.id, keep: backup.keep, named: keep });
    for (const name of old) {
      await removeSnapshot(store, name, signal);
      log.info(`removed the old snapshot ${name}: ${backup.keep} are kept`);
    }
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`old snapshots in ${store.where} were not removed: ${sentence(error)}`);
  }
}
