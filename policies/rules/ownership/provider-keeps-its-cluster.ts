import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "provider-keeps-its-cluster",
  area: "ownership",
  kind: "resource",
  sentence: "A Kubernetes provider must know its cluster by an identifier, not by its kubeconfig.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "A renewed client certificate looks like another cluster: everything in it is replaced.",
  fix: "Set clusterIdentifier to something that the cluster keeps for its whole life, as its Talos cluster id.",
  types: ["pulumi:providers:kubernetes"],
  check: ({ name, props }) =>
    // The engine's own default providers take the kubeconfig of the person who runs it.
    name.startsWith("default") || "clusterIdentifier" in props
      ? []
      : [{ path: "clusterIdentifier", reason: "there is none" }],
};
