import { type Judgement, join, type RuleBook } from "./judge";
import { final } from "./read/stored";
import type { RenderedChart, StateFile, Step, Stored } from "./rule";

/** What there is to look at without an engine. */
export interface Evidence {
  readonly state?: StateFile;
  readonly preview?: readonly Step[];
  readonly charts?: readonly RenderedChart[];
}

/** Every rule on everything that is there. */
export function checkEvidence(book: RuleBook, { state, preview, charts = [] }: Evidence): Judgement {
  const resources = stackAfter(state, preview);
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
    ...charts.flatMap(({ objects }) => objects.map((object) => book.judgeResource(object))),
  ]);
}

/** The stack as it will be: what is there, as far as the preview does not change it. */
function stackAfter(state: StateFile | undefined, preview: readonly Step[] = []): readonly Stored[] {
  const stack = new Map((state?.resources ?? []).map((resource) => [resource.urn, resource]));
  for (const { op, urn, after } of preview) {
    if (after !== undefined && op !== "delete" && op !== "delete-replaced") stack.set(urn, after);
    else if (op === "delete") stack.delete(urn);
  }
  return [...stack.values()];
}
