/** What differs between two declarations, and which changes are refused. Pure. */
import type { Problem } from "../../components/problem";
import type { ClusterReleaseInputs, ClusterReleaseOutputs, NodeRelease } from "../../components/talos/ClusterRelease";
import { type Draft, knownEntries, unknown } from "../draft";
import { changesBetween } from "../host/diff";
import { type Change, propertyPath, type State } from "../resource";
import { membershipProblems } from "./membership/change";
import { joinProblems } from "./membership/join";

type Prior = State<ClusterReleaseInputs, ClusterReleaseOutputs>;

/** Leaves that differ, and a last unfinished run. */
export function releaseChanges(prior: Prior, inputs: Draft<ClusterReleaseInputs>): readonly Change[] {
  const changes = changesBetween(prior.inputs, inputs);
  const drifted = Object.entries(prior.outputs.running)
    .filter(([, seen]) => seen.running !== seen.confirmed)
    .map(([key]): Change => ({ path: propertyPath("running", key, "running"), kind: "update", output: true }));
  // A refresh forgets that the last run failed; the state itself has to remember.
  const unfinished: readonly Change[] =
    prior.outputs.phase === "partial" ? [{ path: "phase", kind: "update", output: true }] : [];
  return [...changes, ...drifted, ...unfinished];
}

/** Every change that cannot be made to a running cluster, whatever it does to its machines. */
export function refusedChanges(prior: Prior, inputs: Draft<ClusterReleaseInputs>): readonly Problem[] {
  if (inputs === unknown || inputs.nodes === unknown) return [];
  const declared = inputs.nodes;
  const renamed = prior.inputs.clusterName;
  const name: readonly Problem[] =
    inputs.clusterName === unknown || inputs.clusterName === renamed
      ? []
      : [
          {
            path: "clusterName",
            reason: `a running cluster cannot change its name from ${renamed} to ${inputs.clusterName}`,
            fix: `set it back to ${renamed}; another name is another cluster`,
          },
        ];
  return [
    ...name,
    ...joinProblems(prior, declared),
    ...membershipProblems(prior, inputs),
    ...knownEntries(declared).flatMap(([key, node]) => refusedNode(key, prior, node)),
  ];
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
  return problems;
}
