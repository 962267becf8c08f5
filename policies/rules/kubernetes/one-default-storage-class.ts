import { objectName } from "../../look/kubernetes";
import { always, type StackRule } from "../../rule";

const DEFAULT = "storageclass.kubernetes.io/is-default-class";

export const rule: StackRule = {
  name: "one-default-storage-class",
  area: "kubernetes",
  kind: "stack",
  sentence: "At most one StorageClass may be the default.",
  severity: "medium",
  levels: always("mandatory"),
  prevents: "With two defaults the newest wins: data lands on whatever was installed last.",
  fix: `Take ${DEFAULT} off all but one.`,
  types: ["kubernetes:storage.k8s.io/v1:StorageClass"],
  check(resources) {
    const defaults = resources.filter(({ props }) => String(props.metadata?.annotations?.[DEFAULT]) === "true");
    const [first, ...others] = defaults;
    if (first === undefined) return [];
    return others.map((other) => ({
      path: other.name,
      reason: `${objectName(other)} is a default beside ${objectName(first)}`,
      urn: other.urn,
    }));
  },
};
