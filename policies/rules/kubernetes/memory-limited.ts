import { containers, WORKLOADS } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "memory-limited",
  area: "kubernetes",
  kind: "resource",
  sentence: "A container must have a limit of memory.",
  severity: "medium",
  levels: levels("disabled", "disabled", "advisory"),
  prevents: "A leak in one container takes the memory of its whole machine.",
  fix: "Set resources.limits.memory.",
  types: WORKLOADS,
  check: (resource) =>
    containers(resource)
      .filter(({ container }) => container.resources?.limits?.memory === undefined)
      .map(({ path }) => ({ path: `${path}.resources.limits.memory`, reason: "there is none" })),
};
