import type * as TemporalPolyfill from "temporal-polyfill";
import { DAYS, type MaintenanceWindow, minutesOf, STEPS } from "./spec";

/** Whether a change may go on now, and if not, when. Pure: the time is an argument. */

const MINUTE = 60_000;

/** Calendars are loaded for whoever declares a window: every plugin start would wait for them. */
function calendar(): typeof TemporalPolyfill.Temporal {
  return (require("temporal-polyfill") as typeof TemporalPolyfill).Temporal;
}

/** A stretch of time in milliseconds since 1970: from `opens`, up to but not including `closes`. */
interface Opening {
  readonly opens: number;
  readonly closes: number;
  readonly zone: string;
}

/** Whether something may be begun. */
type Permission =
  /** `closes` is the end of what is open now without a gap; absent where there are no windows. */
  | { readonly allowed: true; readonly closes?: Date }
  | { readonly allowed: false; readonly opens: Date; readonly reason: string };

/**
 * Whether a step may begin. Steps that only look or that end what was begun always may; every other one while a window
 * is open, or where there is none.
 */
export function mayStart(step: string, now: Date, windows: readonly MaintenanceWindow[]): Permission {
  const changing: readonly string[] = STEPS;
  if (windows.length === 0 || !changing.includes(step)) return { allowed: true };
  const at = now.getTime();
  const openings = windows.flatMap((window) => openingsAround(window, at)).sort((a, b) => a.opens - b.opens);
  let closes: number | undefined;
  for (const opening of openings) {
    const open = closes === undefined ? opening.opens <= at && at < opening.closes : opening.opens <= closes;
    if (open) closes = Math.max(closes ?? 0, opening.closes);
  }
  if (closes !== undefined) return { allowed: true, closes: new Date(closes) };
  const next = openings.find(({ opens }) => opens > at);
  if (next === undefined) throw new Error("unreachable: every window opens once a week");
  const reason = `no maintenance window is open: the next one opens ${formatOpening(next, at)}`;
  return { allowed: false, opens: new Date(next.opens), reason };
}

/** Every opening of a window that could be open at a time, and at least one after it. */
function openingsAround({ days, start, duration, zone }: MaintenanceWindow, at: number): readonly Opening[] {
  const length = (minutesOf(duration) ?? 0) * MINUTE;
  const Temporal = calendar();
  const time = Temporal.PlainTime.from(start);
  const today = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDate();
  const back = Math.ceil(length / (24 * 60 * MINUTE)) + 1;
  return Array.from({ length: back + 9 }, (_, place) => today.add({ days: place - back }))
    .filter((date) => days.some((day) => DAYS.indexOf(day) + 1 === date.dayOfWeek))
    .map((date) => {
      const opens = date.toZonedDateTime({ timeZone: zone, plainTime: time }).epochMilliseconds;
      return { opens, closes: opens + length, zone };
    });
}

/** `Sat 2026-11-28 02:00 Europe/Berlin (in 3 d 4 h)`. */
function formatOpening({ opens, zone }: Opening, now: number): string {
  const local = calendar().Instant.fromEpochMilliseconds(opens).toZonedDateTimeISO(zone);
  const day = DAYS[local.dayOfWeek - 1] ?? "";
  const name = `${day.charAt(0).toUpperCase()}${day.slice(1)}`;
  const time = local.toPlainTime().toString({ smallestUnit: "minute" });
  return `${name} ${local.toPlainDate()} ${time} ${zone} (in ${formatWait(opens - now)})`;
}

function formatWait(milliseconds: number): string {
  const minutes = Math.ceil(milliseconds / MINUTE);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${rest} min` : `${rest} min`;
}
