/** Who leaves and who is another machine now, and what stands against it. Pure: what is shown is what is done. */
import type { Problem } from "../../../components/problem";
import type {
  ClusterReleaseInputs,
  ClusterReleaseOutputs,
  LeavingNode,
  NodeRelease,
} from "../../../components/talos/ClusterRelease";
import { type Draft, knownEntries, unknown } from "../../draft";
import { propertyPath, type State } from "../../resource";
import { wipedSentence } from "../cluster";

type Prior = State<ClusterReleaseInputs, ClusterReleaseOutputs>;
type Declared = Exclude<Draft<ClusterReleaseInputs["nodes"]>, symbol>;

/** Word in {@link ClusterReleaseInputs.allow} that permits a single control plane to be what is left of several. */
export const TWO_MEMBERS = "two-members";

/** Nodes on their way out: declared no longer now, or since a run that did not finish. */
export function leavingNodes(prior: Prior, declared: { readonly [key: string]: unknown }): Record<string, LeavingNode> {
  const known = { ...prior.outputs.leaving, ...prior.inputs.nodes };
  return Object.fromEntries(
    Object.entries(known)
      .filter(([key]) => declared[key] === undefined)
      .map(([key, node]) => [key, leavingNode(node)]),
  );
}

/** What has to be known of a node that leaves: also where it is called, because the inputs tell it no longer. */
export function leavingNode({ type, address, reach, hostname }: LeavingNode): LeavingNode {
  return { type, address, ...(reach !== undefined && { reach }), hostname };
}

/**
 * Where the machines were called that others take the place of. One that is called elsewhere than its successor may run
 * on beside it, with the same address of its own; a run that failed has stored the successor's already.
 */
export function replacedMachines(
  prior: Prior,
  declared: ClusterReleaseInputs["nodes"],
  renewed: readonly string[],
): Record<string, readonly string[]> {
  return Object.fromEntries(
    renewed.flatMap((key) => {
      const known = [...(prior.outputs.replaced?.[key] ?? []), prior.inputs.nodes[key]?.reach];
      const before = known.filter((at) => at !== undefined && at !== declared[key]?.reach) as string[];
      return before.length === 0 ? [] : [[key, [...new Set(before)]]];
    }),
  );
}

/** Keys whose machine is declared to be another one than the last that was installed. */
export function renewedKeys(prior: Pick<Prior, "outputs">, declared: Declared): readonly string[] {
  return knownEntries(declared)
    .filter(([key, { generation }]) => {
      const seen = prior.outputs.running[key];
      return seen !== undefined && typeof generation === "number" && generation > (seen.generation ?? 1);
    })
    .map(([key]) => key)
    .sort();
}

/** What is not done unasked. */
export function membershipProblems(prior: Prior, inputs: Draft<ClusterReleaseInputs>): readonly Problem[] {
  if (inputs === unknown || inputs.nodes === unknown) return [];
  const leaving = Object.entries(leavingNodes(prior, inputs.nodes)).filter(([, { type }]) => type === "controlplane");
  return [
    ...(inputs.onDestroy === "reset" ? [] : leaving.map(([key]) => keptPlane(key))),
    ...twoMembers(inputs, leaving.length),
    ...wipedProblems(prior, inputs.nodes),
    ...knownEntries(inputs.nodes).flatMap(([key, node]) => backwards(key, prior, node)),
  ];
}

function keptPlane(key: string): Problem {
  return {
    path: propertyPath("nodes", key),
    reason: "a control plane that keeps running joins etcd again at its next boot",
    fix: "let it be wiped (talos.onDestroy: reset, for this one update if you like), or declare it again",
  };
}

function twoMembers(inputs: Exclude<Draft<ClusterReleaseInputs>, symbol>, leaving: number): readonly Problem[] {
  if (inputs.nodes === unknown || leaving === 0) return [];
  const nodes = knownEntries(inputs.nodes);
  const planes = nodes.filter(([, { type }]) => type === "controlplane");
  const allowed = Array.isArray(inputs.allow) && inputs.allow.includes(TWO_MEMBERS);
  if (planes.length !== 1 || allowed) return [];
  return [
    {
      path: "nodes",
      reason: `from ${leaving + 1} control planes to one, etcd passes through two members: either of them stops it then`,
      fix: `take a snapshot and allow ${TWO_MEMBERS} (talos.allow) for this one update, or keep three`,
    },
  ];
}

function wipedProblems(prior: Prior, declared: Declared): readonly Problem[] {
  const renewed = renewedKeys(prior, declared);
  return Object.entries(prior.outputs.running)
    .filter(([key, { wiped }]) => wiped === true && declared[key] !== undefined && !renewed.includes(key))
    .map(([key, { generation = 1 }]) => {
      const [reason = "", fix = ""] = wipedSentence(key, generation).split("; ");
      return { path: propertyPath("nodes", key), reason, fix };
    });
}

function backwards(
  key: string,
  prior: Prior,
  { generation = 1 }: Exclude<Draft<NodeRelease>, symbol>,
): readonly Problem[] {
  const installed = prior.outputs.running[key]?.generation ?? 1;
  if (generation === unknown || generation >= installed) return [];
  return [
    {
      path: propertyPath("nodes", key, "generation"),
      reason: `generation ${installed} is installed, ${generation} was before it`,
      fix: `write ${installed}, or ${installed + 1} for another machine`,
    },
  ];
}

/** What happens, one line each, in the order it is done. */
export function membershipLines(prior: Prior, inputs: Draft<ClusterReleaseInputs>): readonly string[] {
  if (inputs === unknown || inputs.nodes === unknown) return [];
  const leaving = Object.entries(leavingNodes(prior, inputs.nodes));
  const of = (wanted: NodeRelease["type"]) => leaving.filter(([, { type }]) => type === wanted).map(([key]) => key);
  const [workers, planes] = [of("worker").sort(), of("controlplane").sort()];
  const left = knownEntries(inputs.nodes).filter(([, { type }]) => type === "controlplane").length;
  const fate = inputs.onDestroy === "reset" ? "is drained and wiped" : "keeps running, only its record goes";
  return [
    ...(workers.length > 0 ? [`${workers.join(", ")}: ${fate}`] : []),
    ...renewedKeys(prior, inputs.nodes).map(
      (key) => `${key}: is installed anew, as generation ${generationIn(inputs.nodes, key)}`,
    ),
    ...(planes.length > 0
      ? [`${planes.join(", ")}: leaves etcd and is wiped, one after the other; ${left} control planes stay`]
      : []),
  ];
}

function generationIn(declared: Draft<ClusterReleaseInputs["nodes"]>, key: string): string {
  const node = declared === unknown ? undefined : declared[key];
  return node === undefined || node === unknown ? "?" : String(node.generation ?? 1);
}
