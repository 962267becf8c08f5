import { LICENCE } from "../../look/licence";
import { always, type StateRule } from "../../rule";
import { today } from "../../settings";

const DAY = 86_400_000;

export const rule: StateRule = {
  name: "licence-good",
  area: "safety",
  kind: "state",
  sentence: "A site's licence must stand good, and for some time.",
  severity: "low",
  // Never a stop by itself: a licence that ended holds back growth, and nothing else.
  levels: always("advisory"),
  prevents: "That a licence ended is first seen when a machine has to be added.",
  fix: "Ask the vendor to renew it.",
  settings: {
    days: { type: "integer", minimum: 0, description: "Days that it should still last", default: 30 },
    today: { type: "string", description: "The day that counts as today; for rehearsals", default: "" },
  },
  check({ resources }, { days, today: day }) {
    const now = Date.parse(day === "" ? today() : day);
    return resources
      .filter(({ type }) => type === LICENCE)
      .flatMap(({ urn, name, raw: { outputs } }) => {
        if (outputs.verdict !== "valid") return [{ path: name, reason: `the last verdict is ${outputs.verdict}`, urn }];
        const left = Math.ceil((Date.parse(outputs.granted?.notAfter) - now) / DAY);
        return left <= days ? [{ path: name, reason: `it ends in ${left} days`, urn }] : [];
      });
  },
};
