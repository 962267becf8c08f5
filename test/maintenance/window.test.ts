/** Maintenance windows against an oracle of its own: the wall clock as Intl shows it, hour for hour. */
import fc from "fast-check";
import { DAYS, type MaintenanceWindow, minutesOf, STEPS } from "../../components/maintenance/spec";
import { mayStart } from "../../components/maintenance/window";

const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe", // half an hour of summer time
  "Asia/Kathmandu", // +05:45
  "Pacific/Apia",
  "America/Santiago", // clocks change at midnight
  "Africa/Casablanca",
];
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const formats = new Map(
  ZONES.map((zone) => [
    zone,
    new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }),
  ]),
);

/** Wall clock of a zone as if it were UTC, in milliseconds. */
function wall(zone: string, at: number): number {
  return Date.parse(`${formats.get(zone)?.format(at).replace(" ", "T")}Z`);
}

/** When a zone's clock shows a time first; if it never does, as much later as the clock jumps. */
function firstShown(zone: string, shown: number): number {
  const offsets = [-2, -1, 0, 1, 2].map((days) => wall(zone, shown + days * DAY) - (shown + days * DAY));
  const found = offsets.map((offset) => shown - offset).filter((at) => wall(zone, at) === shown);
  return found.length > 0 ? Math.min(...found) : shown - (offsets[1] ?? 0);
}

/** Every opening of a window some days around a time. */
function openings({ days, start, duration, zone }: MaintenanceWindow, at: number) {
  const [hours = 0, minutes = 0] = start.split(":").map(Number);
  const length = (minutesOf(duration) ?? 0) * MINUTE;
  const today = Math.floor(wall(zone, at) / DAY) * DAY;
  const found = [];
  for (let day = today - 9 * DAY; day <= today + 9 * DAY; day += DAY) {
    const weekday = DAYS[(new Date(day).getUTCDay() + 6) % 7];
    if (weekday === undefined || !days.includes(weekday)) continue;
    const opens = firstShown(zone, day + (hours * 60 + minutes) * MINUTE);
    found.push({ opens, closes: opens + length });
  }
  return found;
}

const two = (number: number) => String(number).padStart(2, "0");
const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30, 45))
  .map(([hours, minutes]) => `${two(hours)}:${two(minutes)}`);
const window: fc.Arbitrary<MaintenanceWindow> = fc.record({
  days: fc.uniqueArray(fc.constantFrom(...DAYS), { minLength: 1 }),
  start: fc.oneof(time, fc.constantFrom("00:00", "01:30", "02:00", "02:30", "03:00")),
  duration: fc.oneof(
    fc.integer({ min: 1, max: 10_080 }).map((minutes) => `${minutes}m`),
    fc.constantFrom("4h", "1h30m"),
  ),
  zone: fc.constantFrom(...ZONES),
});
/** Days on which some clock changes, and any other. */
const moment = fc.oneof(
  fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2028, 0, 1) }),
  fc
    .tuple(
      fc.constantFrom("2026-03-08", "2026-03-29", "2026-04-05", "2026-09-06", "2026-10-04", "2026-10-25", "2026-11-01"),
      fc.integer({ min: -DAY, max: 2 * DAY }),
    )
    .map(([date, shift]) => Date.parse(date) + shift),
);

test("a step may begin exactly while some window is open", () => {
  fc.assert(
    fc.property(fc.array(window, { minLength: 1, maxLength: 3 }), moment, (windows, at) => {
      const all = windows.flatMap((each) => openings(each, at));
      const open = all.some(({ opens, closes }) => opens <= at && at < closes);
      const permission = mayStart("drain", new Date(at), windows);
      expect(permission.allowed).toBe(open);
      if (permission.allowed) {
        const last = permission.closes?.getTime() ?? 0;
        expect(mayStart("drain", new Date(last - 1), windows).allowed).toBe(true);
        expect(last).toBeGreaterThan(at);
      } else {
        const next = Math.min(...all.map(({ opens }) => opens).filter((opens) => opens > at));
        expect(permission.opens.getTime()).toBe(next);
        expect(mayStart("drain", permission.opens, windows).allowed).toBe(true);
        expect(mayStart("drain", new Date(next - 1), windows).allowed).toBe(false);
      }
    }),
    { numRuns: 300 },
  );
});

const berlin = (start: string, duration = "1h"): MaintenanceWindow => ({
  days: [...DAYS],
  start,
  duration,
  zone: "Europe/Berlin",
});
const may = (at: string, window: MaintenanceWindow) => mayStart("apply", new Date(at), [window]);

test("where clocks skip its time a window opens as much later, and stays open as long", () => {
  // On 29 March 2026 Berlin's clock goes from 02:00 to 03:00, at 01:00 UTC.
  expect(may("2026-03-29T01:29:00Z", berlin("02:30")).allowed).toBe(false);
  expect(may("2026-03-29T01:30:00Z", berlin("02:30"))).toEqual({
    allowed: true,
    closes: new Date("2026-03-29T02:30:00Z"),
  });
  expect(may("2026-03-29T02:30:00Z", berlin("02:30")).allowed).toBe(false);
});

test("where clocks show its time twice a window opens once, the first time", () => {
  // On 25 October 2026 it goes from 03:00 back to 02:00, at 01:00 UTC.
  expect(may("2026-10-25T00:30:00Z", berlin("02:30"))).toEqual({
    allowed: true,
    closes: new Date("2026-10-25T01:30:00Z"),
  });
  expect(may("2026-10-25T01:30:00Z", berlin("02:30")).allowed).toBe(false);
});

test("windows that touch are one", () => {
  const permission = mayStart("apply", new Date("2026-07-01T00:30:00Z"), [berlin("02:00"), berlin("03:00", "2h")]);
  expect(permission).toEqual({ allowed: true, closes: new Date("2026-07-01T03:00:00Z") });
});

test("the message says when the next one opens, in its own time zone", () => {
  const window = { ...berlin("02:00", "4h"), days: ["sat" as const] };
  expect(may("2026-11-24T20:30:00Z", window)).toMatchObject({
    reason: "no maintenance window is open: the next one opens Sat 2026-11-28 02:00 Europe/Berlin (in 3 d 4 h)",
  });
});

test("what only looks, or ends what was begun, needs no window; without windows nothing does", () => {
  const never = [berlin("02:00", "1m")];
  const noon = new Date("2026-07-01T10:00:00Z");
  for (const step of ["gate", "verify", "uncordon", "snapshot", "adopt"]) {
    expect(mayStart(step, noon, never)).toEqual({ allowed: true });
  }
  for (const step of STEPS) {
    expect(mayStart(step, noon, never).allowed).toBe(false);
    expect(mayStart(step, noon, [])).toEqual({ allowed: true });
  }
});
