import { always, type StackRule } from "../../rule";
import { type Exemption, PACK_RULE, today } from "../../settings";

const DATE = /^\d{4}-\d{2}-\d{2}$/;

export const rule: StackRule = {
  name: PACK_RULE,
  area: "safety",
  kind: "stack",
  sentence: "An exemption must say why it is there, and end.",
  severity: "medium",
  levels: always("mandatory"),
  prevents: "An exemption without an end is a rule that was switched off, and nobody remembers why.",
  fix: "Mend what it covers and take it out, or give it a reason and a new date.",
  types: [],
  settings: {
    profile: {
      type: "string",
      enum: ["minimal", "standard", "production"],
      description: "How much is asked: minimal for a workbench, production for what others depend on",
      default: "standard",
    },
    exemptions: {
      type: "array",
      description:
        "Findings that are accepted for a while: {rule, resource (name or URN, * for any part), reason, until (last day, as 2027-01-31)}",
      default: [],
      items: {
        type: "object",
        required: ["rule", "reason", "until"],
        properties: {
          rule: { type: "string" },
          resource: { type: "string" },
          reason: { type: "string" },
          until: { type: "string" },
        },
        additionalProperties: false,
      },
    },
    today: { type: "string", description: "The day that counts as today; for rehearsals", default: "" },
  },
  check(_, { exemptions, today: day }) {
    const now = day === "" ? today() : day;
    return (exemptions as readonly Exemption[]).flatMap(({ rule, reason, until }, place) => {
      const path = `exemptions[${place}]`;
      return [
        ...(reason.trim().length < 10 ? [{ path: `${path}.reason`, reason: "it does not say why" }] : []),
        ...(DATE.test(until) ? [] : [{ path: `${path}.until`, reason: `"${until}" is not a date such as 2027-01-31` }]),
        ...(DATE.test(until) && until < now ? [{ path, reason: `the exemption from ${rule} ended on ${until}` }] : []),
      ];
    });
  },
};
