import { rules } from "../../policies/rules";
import { cases } from "./cases";
import { failures } from "./harness";
import { mutantsOf } from "./mutants";

/** Whether some case of the rule notices the change. */
function isCaught(mutant: ReturnType<typeof mutantsOf>[number]): boolean {
  try {
    const rule = mutant.load();
    return cases.filter((one) => one.rule === rule.name).some((one) => failures(rule, one).length > 0);
  } catch {
    return true;
  }
}

test("every condition of every rule, negated or dropped, is noticed by a case", () => {
  const mutants = rules.flatMap(mutantsOf);
  expect(mutants.length).toBeGreaterThan(rules.length);
  expect(mutants.filter((mutant) => !isCaught(mutant)).map(({ what }) => what)).toEqual([]);
}, 60_000);
