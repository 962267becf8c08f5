import { DATA_TYPES } from "../../look/change";
import { levels, type StateRule } from "../../rule";

export const rule: StateRule = {
  name: "data-kept",
  area: "safety",
  kind: "state",
  sentence: "What holds data must outlive its stack: protected, or kept when it is deleted.",
  severity: "high",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "A destroy of the wrong stack takes everything that nothing holds back.",
  fix: "Set protect: true or retainOnDelete: true and run pulumi up.",
  settings: {
    types: {
      type: "array",
      items: { type: "string" },
      description: "Types that hold data; addresses of a pool are made again and are left out",
      default: DATA_TYPES.filter((type) => !type.startsWith("plinth:")),
    },
  },
  check: ({ resources }, { types }) =>
    resources
      .filter(({ type, protect, retainOnDelete }) => types.includes(type) && !protect && !retainOnDelete)
      .map(({ name, urn }) => ({ path: name, reason: "a destroy would delete it", urn })),
};
