import type { NodeModel } from "./model";
import { configDocument } from "./network";
import { isAny } from "./system";
import { kubeletExtraConfig, selfTaints } from "./taints";
import type { ConfigDocument } from "./yaml";

/** Taint that the generated base puts on every control plane. */
const CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane";

/** Node, kubelet, network and API server as documents (contract v1.14 and later). */
export function kubernetesDocuments(model: NodeModel): readonly ConfigDocument[] {
  const controlPlane = model.type === "controlplane";
  const documents = [
    node(model),
    some("KubeletConfig", { extraArgs: model.kubelet?.extraArgs, config: kubeletExtraConfig(model) }),
    some("KubeNetworkConfig", { podSubnets: model.podSubnets, serviceSubnets: model.serviceSubnets }),
  ];
  if (controlPlane) {
    documents.push(
      some("KubeAPIServerConfig", {
        extraArgs: model.apiServer?.extraArgs,
        certExtraSANs: model.apiServer?.certSANs,
      }),
      ...(model.cni === "none" ? [[configDocument("KubeFlannelCNIConfig", { $patch: "delete" })]] : []),
      ...(model.kubeProxy === false ? [[configDocument("KubeProxyConfig", { enabled: false })]] : []),
    );
  }
  return documents.flat();
}

function node(model: NodeModel): readonly ConfigDocument[] {
  const untainted =
    model.type === "controlplane" && model.allowSchedulingOnControlPlanes === true
      ? { [CONTROL_PLANE_TAINT]: { $patch: "delete" } }
      : {};
  return some("KubeNodeConfig", {
    annotations: model.annotations,
    labels: model.labels,
    nodeIP: { validSubnets: model.kubelet?.nodeSubnets },
    taints: { ...untainted, ...selfTaints(model) },
  });
}

/** The document, or none when nothing in it is set. */
function some(kind: string, fields: ConfigDocument): readonly ConfigDocument[] {
  const document = configDocument(kind, fields);
  return isAny(Object.fromEntries(Object.entries(document).filter(([key]) => key !== "apiVersion" && key !== "kind")))
    ? [document]
    : [];
}
