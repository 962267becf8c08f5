import { RELEASE } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "permissions-used-up",
  area: "safety",
  kind: "resource",
  sentence: "A permission for a dangerous change must be taken back after that change.",
  severity: "medium",
  levels: levels("disabled", "advisory", "advisory"),
  prevents: "A path that stays in talos.allow lets the next change of it through without a word.",
  fix: "Empty talos.allow when the update is through.",
  types: [RELEASE],
  check: ({ props }) =>
    ((props.allow ?? []) as readonly string[]).map((path, place) => ({
      path: `allow[${place}]`,
      reason: `${path} is still allowed`,
    })),
};
