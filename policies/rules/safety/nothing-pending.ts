import { always, type StateRule } from "../../rule";

export const rule: StateRule = {
  name: "nothing-pending",
  area: "safety",
  kind: "state",
  sentence: "No operation of an engine that was killed may be left in the state.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "The engine does not know whether the resource was made: a second one may stand beside it.",
  fix: "Run plinth recover, then pulumi up.",
  check: ({ pending }) =>
    pending.map((urn) => ({ path: urn.slice(urn.lastIndexOf("::") + 2), reason: "it is unfinished", urn })),
};
