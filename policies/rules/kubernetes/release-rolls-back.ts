import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "release-rolls-back",
  area: "kubernetes",
  kind: "resource",
  sentence: "A Helm release must be rolled back when its upgrade fails.",
  severity: "medium",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents:
    "A release that failed halfway stays halfway: half of its pods are of the new version, half of its hooks ran.",
  fix: "Set atomic: true.",
  types: ["kubernetes:helm.sh/v3:Release"],
  check: ({ props }) => (props.atomic === true ? [] : [{ path: "atomic", reason: "it is not set" }]),
};
