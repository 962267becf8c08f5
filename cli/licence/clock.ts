/** The clock of the vendor's desk, by which licences say when they were issued. */
import { join } from "node:path";
import { RELEASED } from "../../components/licensing/released";
import { ProblemError } from "../../components/problem";
import type { Entry } from "./log";

/** When something is signed, by this computer and, where that is in doubt, by a person. */
export interface Clock {
  readonly now: Date;
  /** Today's date in UTC, as a person says it. */
  readonly today?: string;
}

const DAY = 86_400_000;
/** Two computers of one vendor may differ by so much. */
const LEEWAY = DAY / 24;
/** Longer than a plinth is used for. */
const OLD = 3 * 365 * DAY;

/**
 * What is signed by a wrong clock is believed by every site that sees it. A clock that says less than the last line of
 * the log, or years more than when plinth was made, counts only when a person says the same date.
 */
export function sure(folder: string, entries: readonly Entry[], { now, today }: Clock): Date {
  const day = now.toISOString().slice(0, 10);
  if (today === day) return now;
  const behind = [
    { what: "this plinth was made", time: RELEASED },
    ...entries.slice(-1).map(({ time }) => ({ what: `the last line of ${join(folder, "issued.jsonl")}`, time })),
  ].find(({ time }) => now.getTime() < Date.parse(time) - LEEWAY);
  const ahead = now.getTime() > Date.parse(RELEASED) + OLD;
  if (behind === undefined && !ahead && today === undefined) return now;
  const doubt = behind ? `before ${behind.what}, ${behind.time}` : `years after this plinth was made, ${RELEASED}`;
  const reason =
    today === undefined ? `this computer says ${second(now)}, ${doubt}` : `this computer says ${day}, not ${today}`;
  const fix = "set its clock; if it is right, say today's date: --today 2027-01-31";
  throw new ProblemError("Nothing was signed:", [{ path: "--today", reason, fix }]);
}

/** A moment in UTC, to the second. */
export function second(time: Date): string {
  return time.toISOString().replace(/\.\d+/, "");
}
