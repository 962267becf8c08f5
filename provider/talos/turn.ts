/** The one place through which every step of a change goes: where an update may be told to wait or to stop. */
import { WHOLE_CLUSTER } from "../../components/talos/hop";
import { assertOpen, guarded } from "../maintenance/guard";
import { checkpoint } from "../wait";
import type { Cluster } from "./cluster";

/**
 * Does a step in its turn. Throws before it begins when it must not: the update was cancelled, the lease is lost, no
 * maintenance window is open, or a hook forbids it.
 */
export function turn<T>(cluster: Cluster, key: string, step: string, act: () => Promise<T>): Promise<T> {
  const { inputs, signal, context } = cluster;
  checkpoint(signal);
  const facts = { site: inputs.clusterName, node: key === WHOLE_CLUSTER ? "" : key, step };
  return guarded(inputs.maintenance, facts, { ...context, signal }, act);
}

/** Throws unless a step may begin now: before the work that leads to it, as snapshots. */
export function mayTurn(cluster: Cluster, step: string): void {
  checkpoint(cluster.signal);
  assertOpen(cluster.inputs.maintenance, step, new Date());
}
