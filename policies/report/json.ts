import type { Judgement } from "../judge";

/** Findings for a program. */
export function jsonReport({ verdicts, undecided }: Judgement): string {
  const findings = verdicts.map(({ rule, level, finding, urn, exemption }) => ({
    rule: rule.name,
    area: rule.area,
    severity: rule.severity,
    level,
    ...(urn !== undefined && { urn }),
    path: finding.path,
    sentence: rule.sentence,
    reason: finding.reason,
    fix: finding.fix ?? rule.fix,
    ...(exemption !== undefined && { accepted: { reason: exemption.reason, until: exemption.until } }),
  }));
  const waiting = undecided.map(({ rule, urn, path }) => ({
    rule: rule.name,
    ...(urn !== undefined && { urn }),
    path,
  }));
  return `${JSON.stringify({ findings, undecided: waiting }, undefined, 2)}\n`;
}
