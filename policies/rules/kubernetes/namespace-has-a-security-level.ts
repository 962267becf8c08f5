import { levels, type ResourceRule } from "../../rule";

const LABEL = "pod-security.kubernetes.io/enforce";

export const rule: ResourceRule = {
  name: "namespace-has-a-security-level",
  area: "kubernetes",
  kind: "resource",
  sentence: "A namespace must say which pods it admits.",
  severity: "medium",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents:
    "Talos enforces baseline where nothing is said: a driver's pods are refused, and nobody sees who decided it.",
  fix: `Set the label ${LABEL} to restricted, baseline or privileged.`,
  types: ["kubernetes:core/v1:Namespace"],
  check({ props }) {
    const level = props.metadata?.labels?.[LABEL];
    if (["restricted", "baseline", "privileged"].includes(level)) return [];
    const reason = level === undefined ? `there is no ${LABEL}` : `"${level}" is not a level`;
    return [{ path: "metadata.labels", reason }];
  },
};
