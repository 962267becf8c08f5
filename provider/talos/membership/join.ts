/** Which machines may join while the versions of the others change. Pure. */
import type { Problem } from "../../../components/problem";
import type {
  ClusterReleaseInputs,
  ClusterReleaseOutputs,
  NodeRunning,
} from "../../../components/talos/ClusterRelease";
import { known } from "../../../components/talos/hop";
import { compareVersions, minorDistance, minorOf } from "../../../components/talos/version";
import { type Draft, knownEntries, unknown } from "../../draft";
import { propertyPath, type State } from "../../resource";
import { renewedKeys } from "./change";

type Prior = State<ClusterReleaseInputs, ClusterReleaseOutputs>;
type Declared = Exclude<Draft<ClusterReleaseInputs["nodes"]>, symbol>;
type Joining = { readonly talos: Draft<string>; readonly kubernetes: Draft<string> };

/**
 * A machine that joins is configured for the declared versions, before those that run come to them. A new one can wait
 * for an update of its own. One that takes the place of another cannot: without it, half-way, no other may change. It may
 * join where its kubelet is not too new, and its Talos no more than a minor away.
 */
export function joinProblems(prior: Prior, declared: Declared): readonly Problem[] {
  const nodes = knownEntries(declared);
  const changes = nodes.some(([key, { talos, kubernetes }]) => {
    const seen = prior.outputs.running[key];
    return seen !== undefined && (other(seen.talos, talos) || other(seen.kubernetes, kubernetes));
  });
  if (!changes) return [];
  const renewed = renewedKeys(prior, declared);
  const others = Object.entries(prior.outputs.running).flatMap(([key, seen]) => (renewed.includes(key) ? [] : [seen]));
  return nodes.flatMap(([key, node]) => {
    const isNew = prior.inputs.nodes[key] === undefined && prior.outputs.running[key] === undefined;
    if (!isNew && (!renewed.includes(key) || fitsIn(node, others))) return [];
    return [
      {
        path: propertyPath("nodes", key),
        reason: "it would join while the versions of the others change",
        fix: isNew
          ? "add it in an update of its own, before or after"
          : `declare ${newest(others)} until it has joined`,
      },
    ];
  });
}

function other(runs: string | undefined, wanted: Draft<string>): boolean {
  return wanted !== unknown && runs !== undefined && runs !== wanted;
}

/** Kubelets are the last that a change of Kubernetes brings to another version: where one runs it, every API server does. */
function fitsIn({ talos, kubernetes }: Joining, others: readonly NodeRunning[]): boolean {
  if (talos === unknown || kubernetes === unknown) return true;
  const kubelets = others.flatMap((seen) => seen.kubernetes ?? []);
  return (
    (kubelets.length === 0 || kubelets.includes(kubernetes)) &&
    others.every((seen) => Math.abs(minorDistance(minor(seen.talos), minor(talos)) ?? 2) <= 1)
  );
}

/** The versions to join at, for people. */
function newest(others: readonly NodeRunning[]): string {
  const last = (versions: readonly string[]) =>
    [...versions].sort((a, b) => compareVersions(known(a), known(b))).at(-1);
  const kubernetes = last(others.flatMap((seen) => seen.kubernetes ?? []));
  return `Talos ${last(others.map(({ talos }) => talos))}${kubernetes === undefined ? "" : ` with Kubernetes ${kubernetes}`}`;
}

function minor(version: string): string {
  return minorOf(known(version));
}
