/** What a change of the declaration means, and which changes are refused. Pure. */
import { type Problem, ProblemError } from "../../components/problem";
import type { ClusterReleaseInputs, ClusterReleaseOutputs, NodeRelease } from "../../components/talos/ClusterRelease";
import { type Draft, hasUnknown, knownEntries, unknown } from "../draft";
import { changesBetween } from "../host/diff";
import { type Change, propertyPath, type State } from "../resource";
import { declaredPatches, driftOf } from "./drift";
import { changedPatchPaths, changedPaths } from "./yaml";

type Prior = State<ClusterReleaseInputs, ClusterReleaseOutputs>;

/** Leaves that differ, and a last unfinished run. Throws every refusal at once. */
export function releaseChanges(prior: Prior, inputs: Draft<ClusterReleaseInputs>): readonly Change[] {
  const refusals = refused(prior, inputs);
  if (refusals.length > 0) throw new ProblemError("this change of the cluster is refused", refusals);
  const changes = changesBetween(prior.inputs, inputs);
  const drifted = Object.entries(prior.outputs.running)
    .filter(([, seen]) => seen.running !== seen.confirmed)
    .map(([key]): Change => ({ path: propertyPath("running", key, "running"), kind: "update", output: true }));
  // A refresh forgets that the last run failed; the state itself has to remember.
  const unfinished: readonly Change[] =
    prior.outputs.phase === "partial" ? [{ path: "phase", kind: "update", output: true }] : [];
  return [...changes, ...drifted, ...unfinished];
}

function refused(prior: Prior, inputs: Draft<ClusterReleaseInputs>): readonly Problem[] {
  if (inputs === unknown || inputs.nodes === unknown) return [];
  const declared = inputs.nodes;
  const removed = Object.entries(prior.inputs.nodes)
    .filter(([key, node]) => declared[key] === undefined && node.type === "controlplane")
    .map(([key]) => ({
      path: propertyPath("nodes", key),
      reason: "not yet: a control plane cannot be removed, its etcd member would stay behind",
      fix: "declare it again",
    }));
  return [...removed, ...knownEntries(declared).flatMap(([key, node]) => refusedNode(key, prior, node))];
}

function refusedNode(key: string, prior: Prior, node: Draft<NodeRelease>): readonly Problem[] {
  const old = prior.inputs.nodes[key];
  if (old === undefined || node === unknown) return [];
  const problems: Problem[] = [];
  for (const field of ["type", "address", "hostname"] as const) {
    if (node[field] === unknown || node[field] === old[field]) continue;
    problems.push({
      path: propertyPath("nodes", key, field),
      reason: `${field} of a running node cannot change from ${old[field]} to ${node[field]}`,
      fix: `set it back to ${old[field]}, or remove the node and add it under another key`,
    });
  }
  const seen = prior.outputs.running[key];
  for (const field of ["talos", "kubernetes"] as const) {
    const runs = seen?.[field] ?? old[field];
    const wanted = node[field];
    if (wanted === unknown || wanted === runs || seen === undefined) continue;
    problems.push({
      path: propertyPath("nodes", key, field),
      reason: `not yet: ${runs} runs and ${wanted} is asked for, but versions of a running node are not changed yet`,
      fix: `set it back to ${runs}`,
    });
  }
  return problems;
}

/**
 * Sentences for the preview: which paths of which nodes' configurations change. The configuration is secret, so the
 * diff itself shows nothing of it; nodes with the same changes share a sentence. Only texts are compared, no process
 * is started: a preview of hundreds of nodes has to stay cheap.
 */
export function configurationChanges(
  prior: ClusterReleaseInputs,
  inputs: Draft<ClusterReleaseInputs>,
): readonly string[] {
  if (inputs === unknown) return [];
  const roles = roleChanges(prior, inputs.configuration);
  const nodesByPaths = new Map<string, string[]>();
  for (const [key, node] of knownEntries(inputs.nodes)) {
    const old = prior.nodes[key];
    if (old === undefined || node.type === unknown) continue;
    const patches = hasUnknown(node.patches)
      ? ["(patches not known yet)"]
      : changedPatchPaths(declaredPatches(old), node.patches as readonly string[]);
    const paths = [...new Set([...(roles[node.type] ?? []), ...patches])].sort().join(", ");
    if (paths !== "") nodesByPaths.set(paths, [...(nodesByPaths.get(paths) ?? []), key]);
  }
  return [
    ...Object.entries(prior.nodes).flatMap(([key, node]) => {
      const drift = driftOf(node);
      return drift === undefined ? [] : [`${key}: changed outside of plinth at ${drift}, is set back`];
    }),
    ...[...nodesByPaths].map(([paths, keys]) => `${keys.join(", ")}: configuration changes at ${paths}`),
  ];
}

function roleChanges(
  prior: ClusterReleaseInputs,
  configuration: Draft<ClusterReleaseInputs["configuration"]>,
): { readonly [role: string]: readonly string[] } {
  if (configuration === unknown) return {};
  const compare = (before: string | undefined, after: Draft<string> | undefined): readonly string[] => {
    if (before === undefined || after === undefined || after === unknown || before === after) return [];
    return changedPaths(before, after);
  };
  return {
    controlplane: compare(prior.configuration.controlplane, configuration.controlplane),
    worker: compare(prior.configuration.worker, configuration.worker),
  };
}
