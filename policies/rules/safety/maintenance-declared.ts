import { RELEASE } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "maintenance-declared",
  area: "safety",
  kind: "resource",
  sentence: "A cluster that others depend on must say when it may be changed.",
  severity: "low",
  levels: levels("disabled", "disabled", "advisory"),
  prevents: "An update that is started at noon reboots machines at noon.",
  fix: "Declare maintenance.windows.",
  types: [RELEASE],
  check: ({ props }) =>
    (props.maintenance?.windows ?? []).length > 0 ? [] : [{ path: "maintenance.windows", reason: "there are none" }],
};
