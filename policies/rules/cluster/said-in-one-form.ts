import { TWINS } from "../../../components/talos/config/documents";
import { inside, MACHINES, machines, machineValues } from "../../look/talos";
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
      machine.documents.flatMap((document) => {
        const twins = (TWINS[String(document.kind)] ?? []).filter(
          ({ only, names, truthy }) =>
            (only === undefined || document[only] !== undefined) &&
            (names === undefined || names.includes(String(document.name))) &&
            truthy !== true,
        );
        return twins
          .filter(({ field }) => machineValues(machine, field).length > 0)
          .map(({ field }) => ({ path: inside(machine, field), reason: `${document.kind} says it too` }));
      }),
    ),
};
