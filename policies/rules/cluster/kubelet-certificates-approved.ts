import { inside, MACHINES, machines, machineValues } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "kubelet-certificates-approved",
  area: "cluster",
  kind: "resource",
  sentence: "Where kubelets ask for serving certificates, something must come with the cluster that approves them.",
  severity: "medium",
  levels: always("advisory"),
  prevents:
    "Requests that nobody approves leave logs, exec and metrics without an answer (siderolabs/talos#8494, terraform-provider-talos#234).",
  fix: "Add an approver to the cluster's extra or inline manifests, one that starts without a CNI.",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) => {
      const rotates = machineValues(machine, "machine.kubelet.extraArgs.rotate-server-certificates")[0];
      const manifests = ["cluster.extraManifests", "cluster.inlineManifests"].flatMap((path) =>
        machineValues(machine, path),
      );
      const approved = /approver|cloud-controller-manager/.test(JSON.stringify(manifests));
      if (String(rotates) !== "true" || approved) return [];
      return [{ path: inside(machine, "machine.kubelet.extraArgs"), reason: "no manifest brings an approver" }];
    }),
};
