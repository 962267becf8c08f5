/**
 * Taints of workers. A worker's kubelet registers its Node with them once and may not change them later, so that is done
 * through the Kubernetes API. What plinth has set is noted on the Node itself: a run that was killed in between, or a
 * taint that somebody else set, is not mistaken for plinth's.
 */
import type { KubernetesTaint, NodeTaints } from "../kubernetes/kubernetes";
import { documents } from "./yaml";

/** Taints that a worker's configuration registers its Node with, in either form of the configuration. */
export function registeredTaints(configuration: string): readonly KubernetesTaint[] {
  return documents(configuration).flatMap((document) => {
    const { kind, machine, config } = (document ?? {}) as ConfigDocument;
    const kubelet = kind === "KubeletConfig" ? config : machine?.kubelet?.extraConfig;
    return kubelet?.registerWithTaints ?? [];
  });
}

interface KubeletExtraConfig {
  readonly registerWithTaints?: readonly KubernetesTaint[];
}

interface ConfigDocument {
  readonly kind?: string;
  readonly machine?: { readonly kubelet?: { readonly extraConfig?: KubeletExtraConfig } };
  readonly config?: KubeletExtraConfig;
}

/**
 * The taints a Node shall have: what others set stays, what plinth set and no longer wants goes. `undefined` when
 * nothing is to be changed. On a Node without a note, plinth's are those that it was registered with.
 */
export function wantedTaints(
  { taints, noted }: NodeTaints,
  registered: readonly KubernetesTaint[],
  wanted: readonly KubernetesTaint[],
): NodeTaints | undefined {
  const own = new Set(noted ?? registered.map(idOf));
  const wantedIds = wanted.map(idOf).sort();
  const others = taints.filter((taint) => !own.has(idOf(taint)) && !wantedIds.includes(idOf(taint)));
  const next = [...others, ...wanted];
  const same = JSON.stringify(next.map(textOf).sort()) === JSON.stringify(taints.map(textOf).sort());
  const noteStands = noted === undefined ? wantedIds.length === 0 : JSON.stringify(noted) === JSON.stringify(wantedIds);
  return same && noteStands ? undefined : { taints: next, noted: wantedIds };
}

/** Key and effect are what identifies a taint on a Node. */
function idOf({ key, effect }: KubernetesTaint): string {
  return `${key}:${effect}`;
}

function textOf({ key, value, effect }: KubernetesTaint): string {
  return `${key}=${value ?? ""}:${effect}`;
}
