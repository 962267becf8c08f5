import { controlPlaneProblems } from "../../../components/talos/quorum";
import { APPLY, machines, machineValues } from "../../look/talos";
import { always, type StackRule } from "../../rule";

export const rule: StackRule = {
  name: "machines-make-a-quorum",
  area: "cluster",
  kind: "stack",
  sentence: "The machine configurations of a stack must make an odd number of control planes for each cluster.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "Two control planes stop when either of them does (siderolabs/talos#9276, siderolabs/omni#1302).",
  fix: "Use one, three or five control planes.",
  types: [APPLY],
  check(resources) {
    const counts = new Map<string, number>();
    for (const resource of resources) {
      for (const machine of machines(resource)) {
        const cluster = String(machineValues(machine, "cluster.controlPlane.endpoint")[0] ?? "");
        if (machineValues(machine, "machine.type")[0] !== "controlplane") continue;
        counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
      }
    }
    // Workers alone may belong to a cluster of another stack.
    return [...counts].flatMap(([cluster, count]) => controlPlaneProblems(cluster, count));
  },
};
