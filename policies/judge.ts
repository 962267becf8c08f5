import type { Area, Finding, Level, Resource, ResourceRule, Rule, Settings, StackRule } from "./rule";
import type { Exemption, PackSettings } from "./settings";
import { isUnknownValueError } from "./unknown";

/** A finding with everything that decides what becomes of it. */
export interface Verdict {
  readonly rule: Rule;
  readonly level: Level;
  readonly finding: Finding;
  readonly urn?: string;
  /** Accepted for a while: it stops nothing. */
  readonly exemption?: Exemption;
}

/** A rule that could not be decided, because it depends on what is not known before the update. */
export interface Undecided {
  readonly rule: Rule;
  readonly urn?: string;
  /** Path of the value that is not known. */
  readonly path: string;
}

export interface Judgement {
  readonly verdicts: readonly Verdict[];
  readonly undecided: readonly Undecided[];
}

/** Finds the rules of a type without asking each of them: hundreds of resources meet dozens of rules. */
export class RuleBook {
  private readonly everywhere: readonly ResourceRule[];
  private readonly looked = new Map<string, boolean>();
  private readonly byType = new Map<string, ResourceRule[]>();
  /** Rules over whole stacks. */
  readonly stack: readonly StackRule[];

  constructor(
    readonly rules: readonly Rule[],
    readonly settings: PackSettings,
  ) {
    const active = rules.filter((rule) => settings.level(rule) !== "disabled");
    const single = active.filter((rule) => rule.kind === "resource");
    this.everywhere = single.filter(({ types }) => types === undefined);
    for (const rule of single) {
      for (const type of rule.types ?? []) this.byType.set(type, [...(this.byType.get(type) ?? []), rule]);
    }
    this.stack = active.filter((rule) => rule.kind === "stack");
  }

  /** Rules that look at a resource of a type. */
  of(type: string): readonly ResourceRule[] {
    return [...(this.byType.get(type) ?? []), ...this.everywhere];
  }

  /** @param areas Only rules about these. @default - all */
  judgeResource(resource: Resource, areas?: readonly Area[]): Judgement {
    const rules = this.of(resource.type).filter(({ area }) => areas === undefined || areas.includes(area));
    return join(rules.map((rule) => this.judge(rule, resource.urn, (settings) => rule.check(resource, settings))));
  }

  /** Whether some rule over whole stacks looks at a type. */
  inStack(type: string): boolean {
    const known = this.looked.get(type) ?? this.stack.some((rule) => looksAt(rule, type));
    this.looked.set(type, known);
    return known;
  }

  judgeStack(resources: readonly Resource[]): Judgement {
    return join(
      this.stack.map((rule) => {
        const seen = resources.filter(({ type }) => looksAt(rule, type));
        return this.judge(rule, undefined, (settings) => rule.check(seen, settings));
      }),
    );
  }

  /** One run of one rule. */
  judge<R extends Rule>(rule: R, urn: string | undefined, run: (settings: Settings) => readonly Finding[]): Judgement {
    const level = this.settings.level(rule);
    if (level === "disabled") return { verdicts: [], undecided: [] };
    try {
      const verdicts = run(this.settings.of(rule)).map((finding) => {
        const at = finding.urn ?? urn;
        const exemption = this.settings.exemption(rule, at);
        return { rule, level, finding, ...(at !== undefined && { urn: at }), ...(exemption && { exemption }) };
      });
      return { verdicts, undecided: [] };
    } catch (error) {
      if (!isUnknownValueError(error)) throw error;
      const path = error.props.join(".");
      return { verdicts: [], undecided: [{ rule, path, ...(urn !== undefined && { urn }) }] };
    }
  }
}

function looksAt({ types }: StackRule, type: string): boolean {
  return types.includes(type) || types.some((one) => one.endsWith(":*") && type.startsWith(one.slice(0, -1)));
}

export function join(judgements: readonly Judgement[]): Judgement {
  return {
    verdicts: judgements.flatMap(({ verdicts }) => verdicts),
    undecided: judgements.flatMap(({ undecided }) => undecided),
  };
}

/** One paragraph: what has to be so, what is not, and what to do. */
export function explain({ rule, finding }: Pick<Verdict, "rule" | "finding">): string {
  const where = finding.path === "" ? "" : `${finding.path}: `;
  return `${rule.sentence} Here ${where}${finding.reason}. ${sentence(finding.fix ?? rule.fix)}`;
}

function sentence(text: string): string {
  const whole = /[.!?]$/.test(text) ? text : `${text}.`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}
