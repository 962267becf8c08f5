import { DATA_TYPES, endings, word } from "../../look/change";
import { always, type ChangeRule } from "../../rule";

export const rule: ChangeRule = {
  name: "data-not-destroyed",
  area: "safety",
  kind: "change",
  provider: "Nothing: a deletion reaches a provider without its reason, and a destroy is one.",
  sentence: "An update must not delete or replace what holds data.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "A replacement of a claim is a new, empty volume under the old name.",
  fix: "Undo what makes it go; to end it on purpose, take a backup and exempt it for the day.",
  settings: {
    types: { type: "array", items: { type: "string" }, description: "Types that hold data", default: DATA_TYPES },
  },
  check: (steps, { types }) =>
    endings(steps)
      .filter(({ type, before }) => types.includes(type) && before?.retainOnDelete !== true)
      .map((step) => ({ path: step.name, reason: `it would be ${word(step)}`, urn: step.urn })),
};
