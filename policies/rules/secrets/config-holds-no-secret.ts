import { levels, type ResourceRule } from "../../rule";

const SECRET_NAMES =
  /(^|[^a-z])(password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key|client[-_]?secret)$/i;

export const rule: ResourceRule = {
  name: "config-holds-no-secret",
  area: "secrets",
  kind: "resource",
  sentence: "What is called a password, token or key must not lie in a ConfigMap.",
  severity: "medium",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "Everybody who may read a namespace's ConfigMaps has it, and most service accounts may.",
  fix: "Move it into a Secret, or rename it if it is none.",
  types: ["kubernetes:core/v1:ConfigMap"],
  check: ({ open }) =>
    Object.keys(open.data ?? {})
      .filter((key) => SECRET_NAMES.test(key) && open.data[key] !== "")
      .map((key) => ({ path: `data.${key}`, reason: "its name is that of a secret" })),
};
