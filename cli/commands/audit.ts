import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { z } from "zod";
import { ProblemError } from "../../components/problem";
import { auditFile } from "../../provider/audit";

/** One privileged act, as the provider writes it down. */
const line = z.object({
  time: z.iso.datetime(),
  act: z.string(),
  target: z.string(),
  detail: z.string(),
  resource: z.string(),
  by: z.string(),
});
export type AuditLine = z.output<typeof line>;

interface AuditOptions {
  readonly file?: string;
  readonly since?: string;
  readonly act?: string;
  readonly target?: string;
  readonly format: "text" | "json";
}

/** `plinth audit`: who did which privileged act, when and to what. */
export function registerAudit(program: Command): void {
  program
    .command("audit")
    .description("show the privileged acts that were done from this computer")
    .option("--file <file>", "the log (default: PLINTH_AUDIT_LOG, else audit.jsonl in plinth's state folder)")
    .option("--since <time>", "only acts since then, as 2026-11-21 or 2026-11-21T08:00:00Z")
    .option("--act <act>", "only one act, as upgrade, wipe or reset")
    .option("--target <part>", "only acts on targets with this in their name, as a cluster or a node")
    .addOption(new Option("--format <format>", "how to show them").choices(["text", "json"]).default("text"))
    .action((options: AuditOptions) => {
      const file = options.file ?? auditFile();
      const { lines, broken } = parseAudit(read(file));
      const found = lines.filter((one) => matches(one, options));
      process.stdout.write(options.format === "json" ? `${JSON.stringify(found, undefined, 2)}\n` : auditText(found));
      if (broken.length === 0) return;
      throw new ProblemError(`${file} is damaged:`, [
        {
          path: `line ${broken.join(", ")}`,
          reason: "it is no record of an act",
          fix: "find out who wrote there: plinth appends whole lines alone, and changes none",
        },
      ]);
    });
}

/** Lines that are records, and the numbers of those that are not. Pure. */
export function parseAudit(text: string): { readonly lines: readonly AuditLine[]; readonly broken: readonly number[] } {
  const lines: AuditLine[] = [];
  const broken: number[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    if (raw === "") continue;
    const parsed = line.safeParse(jsonOf(raw));
    if (parsed.success) lines.push(parsed.data);
    else broken.push(index + 1);
  }
  return { lines, broken };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function matches(one: AuditLine, { since, act, target }: AuditOptions): boolean {
  return (
    (since === undefined || Date.parse(one.time) >= timeOf(since)) &&
    (act === undefined || one.act === act) &&
    (target === undefined || one.target.includes(target))
  );
}

function timeOf(since: string): number {
  const time = Date.parse(since);
  if (!Number.isNaN(time)) return time;
  throw new ProblemError("Nothing is shown:", [
    { path: "--since", reason: `"${since}" is not a time`, fix: "write it as 2026-11-21 or 2026-11-21T08:00:00Z" },
  ]);
}

function auditText(lines: readonly AuditLine[]): string {
  if (lines.length === 0) return "No such act was recorded.\n";
  return lines
    .map(({ time, by, act, target, detail }) => `${time}  ${by.padEnd(20)}  ${act.padEnd(10)}  ${target}: ${detail}\n`)
    .join("");
}

/** A log that nobody has written yet is empty. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
