import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "cronjob-does-not-pile-up",
  area: "kubernetes",
  kind: "resource",
  sentence: "A CronJob must say what happens when its last run is still going on.",
  severity: "low",
  levels: levels("disabled", "advisory", "advisory"),
  prevents: "A backup that takes longer than its interval runs twice, then three times, until the disk is full.",
  fix: "Set concurrencyPolicy to Forbid or Replace.",
  types: ["kubernetes:batch/v1:CronJob"],
  check({ props }) {
    const policy = props.spec?.concurrencyPolicy ?? "Allow";
    return policy === "Allow" ? [{ path: "spec.concurrencyPolicy", reason: "runs may overlap" }] : [];
  },
};
