import { DRIVERS, namespaceOf, podSpec, WORKLOADS } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "no-host-path",
  area: "kubernetes",
  kind: "resource",
  sentence: "A pod must not mount a folder of its machine outside of the namespaces of drivers.",
  severity: "high",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "Data in a folder of one machine is gone with the machine, and /var holds etcd and every other pod's data.",
  fix: "Use a PersistentVolumeClaim, or allow the namespace in the rule's settings.",
  types: WORKLOADS,
  settings: {
    namespaces: {
      type: "array",
      items: { type: "string" },
      description: "Namespaces whose pods may mount folders of their machine",
      default: [...DRIVERS, "monitoring"],
    },
  },
  check(resource, { namespaces }) {
    if (namespaces.includes(namespaceOf(resource))) return [];
    const { spec, path } = podSpec(resource);
    const volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[] =
      spec.volumes ?? [];
    return volumes.flatMap(({ hostPath }, place) =>
      hostPath === undefined
        ? []
        : [{ path: `${path}.volumes[${place}]`, reason: `it is ${hostPath.path} of the machine` }],
    );
  },
};
