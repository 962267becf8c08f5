import { type Judgement, join, type RuleBook } from "./judge";
import { final } from "./read/stored";
import type { Area, RenderedChart, StateFile, Step, Stored } from "./rule";

/** What there is to look at without an engine. */
export interface Evidence {
  readonly state?: StateFile;
  readonly preview?: readonly Step[];
  readonly charts?: readonly RenderedChart[];
}

/** What can be said of an object that no program declares: its secrets never were inputs, its data is Helm's. */
const CHART_AREAS: readonly Area[] = ["kubernetes", "supply-chain"];

/** Every rule on everything that is there. */
export function checkEvidence(book: RuleBook, evidence: Evidence): Judgement {
  const { state, preview, charts = [] } = evidence;
  const resources = stackAfter(evidence);
  return join([
    ...resources.map((resource) => book.judgeResource(resource)),
    ...(resources.length > 0 ? [book.judgeStack(resources.map(final))] : []),
    ...book.rules.flatMap((rule) => {
      if (rule.kind === "change" && preview !== undefined) {
        return [book.judge(rule, undefined, (settings) => rule.check(preview, settings))];
      }
      if (rule.kind === "state" && state !== undefined) {
        return [book.judge(rule, undefined, (settings) => rule.check(state, settings))];
      }
      return rule.kind === "chart"
        ? charts.map((chart) => book.judge(rule, undefined, (settings) => rule.check(chart, settings)))
        : [];
    }),
    ...charts.flatMap(({ objects }) => objects.map((object) => book.judgeResource(object, CHART_AREAS))),
  ]);
}

/** The stack as it will be: what is there, as far as the preview does not change it. */
export function stackAfter({ state, preview = [] }: Evidence): readonly Stored[] {
  const stack = new Map((state?.resources ?? []).map((resource) => [resource.urn, resource]));
  for (const { op, urn, after } of preview) {
    if (after !== undefined && op !== "delete" && op !== "delete-replaced") stack.set(urn, after);
    else if (op === "delete") stack.delete(urn);
  }
  return [...stack.values()];
}
