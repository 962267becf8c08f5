import type { NodeModel } from "./model";
import type { ConfigDocument } from "./yaml";

/** A taint as the kubelet and the Kubernetes API write it. */
export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

/**
 * Taints that the node sets on itself. Only a control plane may: a worker's identity is not allowed to change taints
 * (NodeRestriction admission), and Talos would lose the labels that it writes in the same update.
 */
export function selfTaints(model: NodeModel): NodeModel["taints"] {
  return model.type === "controlplane" ? model.taints : undefined;
}

/** What a worker's kubelet registers its Node with; later changes go through the Kubernetes API. */
export function kubeletExtraConfig(model: NodeModel): ConfigDocument | undefined {
  const taints =
    model.type === "worker" ? Object.entries(model.taints ?? {}).map(([key, text]) => taintOf(key, text)) : [];
  return taints.length === 0 ? undefined : { registerWithTaints: taints };
}

/** `value:Effect` or `:Effect` of a key. */
function taintOf(key: string, text: string): Taint {
  const [value = "", effect = ""] = text.split(":");
  return { key, ...(value !== "" && { value }), effect };
}
