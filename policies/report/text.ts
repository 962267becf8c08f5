import { explain, type Judgement, type Verdict } from "../judge";

/** Findings for a person: what stops first, then what warns, then what is accepted for a while. */
export function textReport({ verdicts, undecided }: Judgement): string {
  const open = verdicts.filter(({ exemption }) => exemption === undefined);
  const stops = open.filter(({ level }) => level === "mandatory");
  const warns = open.filter(({ level }) => level === "advisory");
  const accepted = verdicts.filter(({ exemption }) => exemption !== undefined);
  const waiting = [...new Set(undecided.map(({ rule }) => rule.name))];
  return [
    ...stops.map((verdict) => line("error", verdict)),
    ...warns.map((verdict) => line("warning", verdict)),
    ...accepted.map(
      ({ rule, finding, exemption }) =>
        `accepted  ${rule.name}: ${finding.path} until ${exemption?.until} (${exemption?.reason})`,
    ),
    ...(waiting.length > 0 ? [`undecided ${waiting.join(", ")}: they wait for values that are not known yet`] : []),
    `${stops.length} errors, ${warns.length} warnings, ${accepted.length} accepted, ${waiting.length} undecided`,
    "",
  ].join("\n");
}

function line(word: string, verdict: Verdict): string {
  const where = verdict.urn === undefined ? "" : ` ${verdict.urn.slice(verdict.urn.lastIndexOf("::") + 2)}`;
  return `${word.padEnd(9)} ${verdict.rule.name}${where}: ${explain(verdict)}`;
}
