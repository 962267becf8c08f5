import { lastingContainers, WORKLOADS } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "requests-set",
  area: "kubernetes",
  kind: "resource",
  sentence: "A container must request the CPU and memory that it needs.",
  severity: "medium",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents: "Pods without requests are packed onto one machine until it falls over, and etcd beside them.",
  fix: "Set resources.requests.cpu and resources.requests.memory.",
  types: WORKLOADS,
  // What only starts a pod borrows from what runs in it afterwards.
  check: (resource) =>
    lastingContainers(resource).flatMap(({ container, path }) => {
      const requests = container.resources?.requests ?? container.resources?.limits ?? {};
      const missing = ["cpu", "memory"].filter((name) => requests[name] === undefined);
      return missing.length === 0
        ? []
        : [{ path: `${path}.resources`, reason: `it requests no ${missing.join(" and no ")}` }];
    }),
};
