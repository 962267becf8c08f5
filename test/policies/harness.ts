import { type Judgement, RuleBook } from "../../policies/judge";
import { final, stored } from "../../policies/read/stored";
import type { RenderedChart, Rule, Settings, StateFile, Step } from "../../policies/rule";
import { packSettings } from "../../policies/settings";
import type { Draft } from "./drafts";

/** What a case is about, by the kind of the rule. */
export type Subject = Draft | readonly Draft[] | readonly Step[] | StateFile | RenderedChart;

/** The five ways in which every rule is tried. */
export interface Cases {
  readonly rule: string;
  /** Settings of the rule in all cases. @default - its defaults */
  readonly settings?: Settings;
  /** What has to be so, is so. */
  readonly compliant: readonly Subject[];
  /** It is not, and what is said about it: each part of the list by one finding, in this order. */
  readonly violating: readonly (readonly [Subject, ...RegExp[]])[];
  /** The rule has nothing to say about it. */
  readonly irrelevant: readonly Subject[];
  /** It is so, with more beside it than the rule asks for. */
  readonly extras: readonly Subject[];
  /** Something is not known before the update: the rule says so, needs it not, or finds what it can see. */
  readonly unknown: readonly (readonly [Subject, "undecided" | "silent" | RegExp])[];
}

/** What a rule says about a subject, through the same book that the engine's pack uses. */
export function judge(rule: Rule, subject: Subject, settings: Settings = {}): Judgement {
  const config = { [rule.name]: { level: "mandatory", properties: settings } };
  // With every level below, "mandatory" counts as given.
  const tried = { ...rule, levels: { minimal: "advisory", standard: "advisory", production: "advisory" } } as Rule;
  const book = new RuleBook([tried], packSettings(config, [tried], "2026-11-21"));
  switch (tried.kind) {
    case "resource":
      return book.judgeResource(stored(subject as Draft));
    case "stack":
      return book.judgeStack((subject as readonly Draft[]).map((draft) => final(stored(draft))));
    case "change":
      return book.judge(tried, undefined, (values) => tried.check(subject as readonly Step[], values));
    case "state":
      return book.judge(tried, undefined, (values) => tried.check(subject as StateFile, values));
    case "chart":
      return book.judge(tried, undefined, (values) => tried.check(subject as RenderedChart, values));
  }
}

/** Every case in which the rule does not do what the case says, told in words; empty when all hold. */
export function failures(rule: Rule, cases: Cases): readonly string[] {
  const failed: string[] = [];
  const expectThat = (what: string, holds: (judgement: Judgement) => boolean, subject: Subject) => {
    try {
      const judgement = judge(rule, subject, cases.settings);
      if (!holds(judgement)) failed.push(`${what}: ${tell(judgement)}`);
    } catch (error) {
      failed.push(`${what}: threw ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const silent = ({ verdicts, undecided }: Judgement) => verdicts.length === 0 && undecided.length === 0;
  for (const way of ["compliant", "irrelevant", "extras"] as const) {
    for (const [place, subject] of cases[way].entries()) expectThat(`${way}[${place}]`, silent, subject);
  }
  for (const [place, [subject, ...patterns]] of cases.violating.entries())
    expectThat(
      `violating[${place}]`,
      ({ verdicts, undecided }) =>
        undecided.length === 0 &&
        verdicts.length === patterns.length &&
        patterns.every((pattern, index) => pattern.test(words(verdicts[index]))),
      subject,
    );
  for (const [place, [subject, expected]] of cases.unknown.entries())
    expectThat(
      `unknown[${place}]`,
      (judgement) => {
        if (expected === "silent") return silent(judgement);
        if (expected === "undecided") return judgement.verdicts.length === 0 && judgement.undecided.length === 1;
        return judgement.verdicts.length === 1 && expected.test(words(judgement.verdicts[0]));
      },
      subject,
    );
  return failed;
}

function words(verdict: Judgement["verdicts"][number] | undefined): string {
  return verdict === undefined ? "" : `${verdict.finding.path}: ${verdict.finding.reason}`;
}

function tell({ verdicts, undecided }: Judgement): string {
  const found = verdicts.map(words);
  const waiting = undecided.map(({ path }) => `waits for ${path}`);
  return [...found, ...waiting].join("; ") || "said nothing";
}
