import { containers, DRIVERS, namespaceOf, WORKLOADS } from "../../look/kubernetes";
import { levels, type ResourceRule, type Setting } from "../../rule";

const NAMESPACES: Setting = {
  type: "array",
  items: { type: "string" },
  description: "Namespaces whose pods may be privileged: network, storage and hardware drivers",
  default: DRIVERS,
};

export const rule: ResourceRule = {
  name: "no-privileged-pod",
  area: "kubernetes",
  kind: "resource",
  sentence: "A container must not be privileged outside of the namespaces of drivers.",
  severity: "critical",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "A privileged container is root on its machine: a hole in a web service becomes one in the cluster.",
  fix: "Drop privileged and add the one capability that is needed, or allow the namespace in the rule's settings.",
  types: WORKLOADS,
  settings: { namespaces: NAMESPACES },
  check(resource, { namespaces }) {
    if (namespaces.includes(namespaceOf(resource))) return [];
    return containers(resource)
      .filter(({ container }) => container.securityContext?.privileged === true)
      .map(({ path }) => ({ path: `${path}.securityContext.privileged`, reason: "it is true" }));
  },
};
