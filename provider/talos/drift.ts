/**
 * Drift in the form of a patch: what somebody else changed on a node is recorded as a patch of comments in the stored
 * inputs, so that the next preview shows it as a patch that goes away. Pure.
 */
import type { NodeRelease } from "../../components/talos/ClusterRelease";

const MARK = "# changed outside of plinth: ";

/** Patches that were declared, without the mark that a read added. */
export function declaredPatches(node: Pick<NodeRelease, "patches">): readonly string[] {
  return node.patches.filter((patch) => !patch.startsWith(MARK));
}

/** The patches with a mark for the drifted paths; a mark of an earlier read goes. */
export function markedPatches(node: NodeRelease, drift: readonly string[]): readonly string[] {
  return drift.length === 0 ? declaredPatches(node) : [...declaredPatches(node), `${MARK}${drift.join(", ")}`];
}

/** Paths that a read has marked, as one text; `undefined` if none. */
export function driftOf(node: Pick<NodeRelease, "patches">): string | undefined {
  return node.patches.find((patch) => patch.startsWith(MARK))?.slice(MARK.length);
}
