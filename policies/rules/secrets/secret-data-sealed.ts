import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "secret-data-sealed",
  area: "secrets",
  kind: "resource",
  sentence: "The data of a Kubernetes Secret must be secret to Pulumi too.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "A Secret's data is base64, which is no encryption: it lies readable in the state and in every diff.",
  fix: "Wrap data or stringData in pulumi.secret.",
  types: ["kubernetes:core/v1:Secret"],
  check: ({ open }) =>
    ["data", "stringData"].flatMap((field) => {
      const keys = Object.keys(open[field] ?? {});
      return keys.length === 0 ? [] : [{ path: field, reason: `${keys.join(", ")} can be read` }];
    }),
};
