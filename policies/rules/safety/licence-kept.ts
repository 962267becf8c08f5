import { LICENCE } from "../../look/licence";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "licence-kept",
  area: "safety",
  kind: "resource",
  sentence: "The memory of what a licence covered must be protected.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "A site that was destroyed while its licence had ended could not come back: it would be new.",
  fix: "Set protect: true on it; Site does.",
  types: [LICENCE],
  check: ({ protect }) => (protect ? [] : [{ path: "protect", reason: "it is not set" }]),
};
