/** The one place between two steps at which an update may be told to wait or to stop. */
import { checkpoint } from "../../wait";
import type { Cluster } from "../cluster";

/** Throws before a step that must not begin: the update was cancelled, or the lease is lost. */
export function turn(cluster: Cluster): void {
  checkpoint(cluster.signal);
}
