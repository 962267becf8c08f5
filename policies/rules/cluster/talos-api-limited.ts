import { documentsOfKind, inside, MACHINES, machines, machineValues } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "talos-api-limited",
  area: "cluster",
  kind: "resource",
  sentence: "Pods must not be given the administrator's role at the Talos API.",
  severity: "high",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "os:admin in a pod is root on every machine; a backup needs os:etcd:backup and nothing more.",
  fix: "Allow os:reader or os:etcd:backup instead of os:admin.",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) => {
      const path = "machine.features.kubernetesTalosAPIAccess";
      const field = machineValues(machine, `${path}.allowedRoles`).flat();
      const document = documentsOfKind(machine, "KubeTalosAPIAccessConfig").flatMap(({ allowedRoles }) => allowedRoles);
      return [...field, ...document].includes("os:admin")
        ? [{ path: inside(machine, `${path}.allowedRoles`), reason: "os:admin is among the roles" }]
        : [];
    }),
};
