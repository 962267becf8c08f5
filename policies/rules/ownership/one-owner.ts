import { namespaceOf, objectName } from "../../look/kubernetes";
import { always, type StackRule } from "../../rule";

export const rule: StackRule = {
  name: "one-owner",
  area: "ownership",
  kind: "stack",
  sentence: "An object must be declared once in a stack.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "Two declarations of one object undo each other at every update, and deleting one deletes the other's.",
  fix: "Declare it in one place and pass it on.",
  types: ["kubernetes:*"],
  check(resources) {
    const owners = new Map<string, string>();
    return resources.flatMap((resource) => {
      const { type, urn, name, props } = resource;
      if (props.metadata === undefined || type.endsWith("Patch")) return [];
      const kind = type.replace(/\/[^/:]+:/, ":");
      const cluster = resource.provider ?? "";
      const key = `${cluster} ${kind} ${namespaceOf(resource)}/${objectName(resource)}`;
      const owner = owners.get(key);
      if (owner === undefined) {
        owners.set(key, name);
        return [];
      }
      return [
        { path: name, reason: `${namespaceOf(resource)}/${objectName(resource)} is declared by ${owner} too`, urn },
      ];
    });
  },
};
