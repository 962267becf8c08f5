import { twinProblems } from "../../../components/talos/config/documents";
import { inside, MACHINES, machines } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "said-in-one-form",
  area: "cluster",
  kind: "resource",
  sentence: "A setting of a machine must stand in its document or in the v1alpha1 field, not in both.",
  severity: "medium",
  levels: always("mandatory"),
  prevents: "Talos refuses the whole configuration when a document and the field it replaces are both there.",
  fix: "Keep the document.",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) =>
      twinProblems(machine.documents).map((problem) => ({ ...problem, path: inside(machine, problem.path) })),
    ),
};
