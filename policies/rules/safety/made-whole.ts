import { always, type StateRule } from "../../rule";

export const rule: StateRule = {
  name: "made-whole",
  area: "safety",
  kind: "state",
  sentence: "Every resource must have been made to its end.",
  severity: "medium",
  levels: always("advisory"),
  prevents: "A half-made resource looks like a whole one to everything that depends on it.",
  fix: "Run pulumi up again: it goes on with that resource.",
  check: ({ resources }) =>
    resources
      .filter(({ initErrors }) => initErrors.length > 0)
      .map(({ name, urn }) => ({ path: name, reason: "its last create or update failed on the way", urn })),
};
