/** Reports that wait for a network, on this computer: a few, the oldest go first, and none that is not of the form. */
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../../components/problem";
import { type Report, reportSchema } from "../../components/telemetry/report";

/** About a quarter of a year of daily reports. */
const MOST = 100;
const SEND_MS = 30_000;

/** Where reports to a URL wait: each receiver gets its own and no others. */
export function spoolFolder(folder: string, url: string): string {
  return join(folder, "to", short(url));
}

/** The random id of a site on this computer; made when it is asked for first. */
export function installationId(folder: string, site: string): string {
  const sites = join(folder, "sites");
  const file = join(sites, short(site));
  if (!existsSync(file)) write(sites, short(site), `${randomUUID()}\n`);
  return readFileSync(file, "utf8").trim();
}

/** Names a file by what may hold anything. */
function short(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** Reports that wait, oldest first. A line that is no report, whoever wrote it, is left out. */
export function waiting(folder: string): readonly Report[] {
  const file = join(folder, "spool.jsonl");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.flatMap((line) => reportSchema.safeParse(json(line)).data ?? []);
}

/** What waits once a report is in line, oldest first: one a day and site; each site's oldest make room. */
export function queue(folder: string, report: Report): readonly Report[] {
  const own = (each: Report) => each.installation === report.installation;
  const before = waiting(folder).filter((each) => !own(each) || each.day !== report.day);
  const most = [...before.filter(own), report].slice(-MOST);
  return [...before.filter((each) => !own(each) || most.includes(each)), report];
}

/** Puts a report in line. */
export function put(folder: string, report: Report): void {
  keep(folder, queue(folder, report));
}

/** Sends what waits, oldest first, and keeps what did not arrive. Returns how many did. @throws ProblemError */
export async function send(folder: string, url: string): Promise<number> {
  const reports = waiting(folder);
  for (const [sent, report] of reports.entries()) {
    const failure = await post(url, report);
    if (failure === undefined) {
      keep(folder, reports.slice(sent + 1));
      continue;
    }
    throw new ProblemError(`${sent} of ${reports.length} reports were sent:`, [
      {
        path: "telemetry.url",
        reason: failure,
        fix: "the rest waits; run the same command again when there is a network",
      },
    ]);
  }
  return reports.length;
}

async function post(url: string, report: Report): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(report),
      signal: AbortSignal.timeout(SEND_MS),
      redirect: "error",
    });
    await answer.body?.cancel();
    return answer.ok ? undefined : `it answers ${answer.status}`;
  } catch (error) {
    const { message, cause } = error as Error & { readonly cause?: Error };
    return `it cannot be reached: ${cause?.message ?? message}`;
  }
}

function keep(folder: string, reports: readonly Report[]): void {
  write(folder, "spool.jsonl", reports.map((report) => `${JSON.stringify(report)}\n`).join(""));
}

function write(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `${name}.${process.pid}.new`);
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, join(folder, name));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
