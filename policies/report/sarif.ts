import { explain, type Judgement, type Verdict } from "../judge";
import { description, name, version } from "../package.json";
import type { Rule } from "../rule";

/** What GitHub counts severities by. */
const SCORES = { low: "3.0", medium: "5.5", high: "8.0", critical: "9.5" } as const;

/** Findings as SARIF 2.1.0; `file` is what code scanning shows them at. */
export function sarifReport({ verdicts }: Judgement, rules: readonly Rule[], file: string): string {
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name, version, fullDescription: { text: description }, rules: rules.map(ruleOf) } },
        results: verdicts.map((verdict) => resultOf(verdict, rules.indexOf(verdict.rule), file)),
      },
    ],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

function ruleOf(rule: Rule) {
  return {
    id: rule.name,
    shortDescription: { text: rule.sentence },
    fullDescription: { text: rule.prevents },
    help: { text: rule.fix },
    defaultConfiguration: { level: LEVELS[rule.levels.standard], enabled: rule.levels.standard !== "disabled" },
    properties: { tags: [rule.area], "security-severity": SCORES[rule.severity] },
  };
}

const LEVELS = { mandatory: "error", advisory: "warning", disabled: "none" } as const;

function resultOf(verdict: Verdict, ruleIndex: number, file: string) {
  const { rule, level, urn, exemption } = verdict;
  return {
    ruleId: rule.name,
    ruleIndex,
    level: LEVELS[level],
    message: { text: explain(verdict) },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: file }, region: { startLine: 1 } },
        ...(urn !== undefined && { logicalLocations: [{ fullyQualifiedName: urn, kind: "resource" }] }),
      },
    ],
    ...(exemption !== undefined && {
      suppressions: [{ kind: "external", justification: `until ${exemption.until}: ${exemption.reason}` }],
    }),
  };
}
