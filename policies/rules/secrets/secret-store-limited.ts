import { kinds } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "secret-store-limited",
  area: "secrets",
  kind: "resource",
  sentence: "A store of secrets for the whole cluster must say which namespaces may use it.",
  severity: "medium",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents: "Without conditions every namespace reads every secret that the store's role can read.",
  fix: "List namespaces or a selector in spec.conditions.",
  types: kinds("external-secrets.io", ["v1", "v1beta1"], "ClusterSecretStore"),
  check: ({ props }) =>
    (props.spec?.conditions ?? []).length > 0 ? [] : [{ path: "spec.conditions", reason: "there are none" }],
};
