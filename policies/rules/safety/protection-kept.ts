import { type ChangeRule, levels } from "../../rule";

export const rule: ChangeRule = {
  name: "protection-kept",
  area: "safety",
  kind: "change",
  provider: "Nothing: the engine keeps protection to itself.",
  sentence: "A resource must not lose its protection by the way.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "Protection that goes in one change is missed in the next, when the resource goes.",
  fix: "Leave protect: true; to let it go on purpose, exempt it for the day.",
  check: (steps) =>
    steps
      .filter(({ before, after }) => before?.protect === true && after?.protect === false)
      .map(({ name, urn }) => ({ path: name, reason: "protect would be taken off", urn })),
};
