import { DRIVERS, namespaceOf, podSpec, WORKLOADS } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "no-host-namespace",
  area: "kubernetes",
  kind: "resource",
  sentence: "A pod must not share its machine's network, processes or IPC outside of the namespaces of drivers.",
  severity: "high",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "A pod on the host's network reaches the Talos API, etcd and the metadata of the machine.",
  fix: "Take it out, or allow the namespace in the rule's settings.",
  types: WORKLOADS,
  settings: {
    namespaces: {
      type: "array",
      items: { type: "string" },
      description: "Namespaces whose pods may share their machine's namespaces",
      default: [...DRIVERS, "monitoring"],
    },
  },
  check(resource, { namespaces }) {
    if (namespaces.includes(namespaceOf(resource))) return [];
    const { spec, path } = podSpec(resource);
    return ["hostNetwork", "hostPID", "hostIPC"]
      .filter((field) => spec[field] === true)
      .map((field) => ({ path: `${path}.${field}`, reason: "it is true" }));
  },
};
