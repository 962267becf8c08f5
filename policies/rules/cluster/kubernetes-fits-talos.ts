import { kubernetesProblems } from "../../../components/talos/releases";
import { CLUSTER, RELEASE } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "kubernetes-fits-talos",
  area: "cluster",
  kind: "resource",
  sentence: "A Talos version must run the Kubernetes version beside it.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "Upgrades of one axis past the other end in a cluster that neither can mend (siderolabs/talos#11198, #12398).",
  fix: "Choose a pair that `plinth upgrade plan` accepts.",
  types: [CLUSTER, RELEASE],
  check({ type, props }) {
    if (type === CLUSTER) return kubernetesProblems("kubernetesVersion", props.talosVersion, props.kubernetesVersion);
    return Object.keys(props.nodes ?? {}).flatMap((key) => {
      const { talos, kubernetes } = props.nodes[key];
      return kubernetesProblems(`nodes["${key}"].kubernetes`, talos, kubernetes);
    });
  },
};
