/** Finds what a run that was killed has taken before a step and could not tell of. */
import { firstBefore, type SnapshotStep, snapshotPrefix } from "../../components/backup/snapshot";
import { sentence } from "../host/failure";
import type { Talos } from "../talosctl/talos";
import { identityOf } from "./identity";
import { readManifests } from "./manifests";
import { openStore } from "./open";
import type { SnapshotContext, SnapshotInputs } from "./take";

export interface EarlierInputs extends Pick<SnapshotInputs, "node" | "backup"> {
  /** The step, by where it begins: a run that was killed may have gone on from where it led. */
  readonly step: Omit<SnapshotStep, "to">;
  /** Time of the last change that the state knows of, ISO 8601. @default - it knows of none */
  readonly since?: string;
}

/** Its name; `undefined` if there is none, or if the store does not tell: a fresh one is taken in any case. */
export async function earlierSnapshot(
  { node, backup, step, since }: EarlierInputs,
  talos: Talos,
  { config, signal, log }: SnapshotContext,
): Promise<string | undefined> {
  try {
    const { store } = openStore(backup, config);
    const { cluster } = identityOf(await talos.configuration(node, signal));
    const { manifests } = await readManifests(store, snapshotPrefix(cluster), signal);
    return firstBefore(manifests, { cluster: cluster.id, step, ...(since !== undefined && { since }) });
  } catch (error) {
    signal.throwIfAborted();
    log.warn(`whether an earlier run has taken a snapshot is not known: ${sentence(error)}`);
    return undefined;
  }
}
