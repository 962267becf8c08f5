import { endings } from "../../look/change";
import { always, type ChangeRule } from "../../rule";

export const rule: ChangeRule = {
  name: "few-at-once",
  area: "safety",
  kind: "change",
  provider: "Nothing: a provider sees one resource at a time.",
  sentence: "An update must not delete or replace more than a person can look through.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "A renamed parent or a lost configuration value replaces everything below it.",
  fix: "Look for what changed above them all; renames need aliases.",
  settings: {
    most: { type: "integer", minimum: 0, description: "Most resources that one update may end", default: 10 },
  },
  check(steps, { most }) {
    const ending = endings(steps);
    return ending.length > most ? [{ path: "", reason: `${ending.length} resources would go, more than ${most}` }] : [];
  },
};
