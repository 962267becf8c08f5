import { SECRETS } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "cluster-secrets-protected",
  area: "secrets",
  kind: "resource",
  sentence: "The secrets bundle of a cluster must be protected.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "A bundle that a destroy or a replacement takes is the end of every key to a cluster that still runs.",
  fix: "Set protect: true on it.",
  types: [SECRETS],
  check: ({ protect }) => (protect ? [] : [{ path: "protect", reason: "it is not set" }]),
};
