import { namespaceOf, WORKLOADS } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "no-object-in-default",
  area: "ownership",
  kind: "resource",
  sentence: "A workload must live in a namespace that belongs to it.",
  severity: "low",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents: "What lies in default belongs to nobody: no security level, no quota, no one who dares to delete it.",
  fix: "Write metadata.namespace.",
  types: WORKLOADS,
  check: (resource) =>
    namespaceOf(resource) === "default" ? [{ path: "metadata.namespace", reason: "it is default" }] : [],
};
