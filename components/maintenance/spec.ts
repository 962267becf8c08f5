import { z } from "zod";
import { complain } from "../site/fields";

/** When a running cluster may be changed, and what runs around its changes: a part of the site file, as plain data. */

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** Steps that can lose a service or a node; everything else looks, or ends what was begun. */
export const STEPS = ["forfeit", "apply", "install", "drain", "reboot", "kubernetes", "reset"] as const;

const zone = z.string().superRefine((value, ctx) => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
  } catch {
    complain(ctx, `"${value}" is not a time zone`, "write its IANA name, as in Europe/Berlin or UTC");
  }
});

const start = z.string().superRefine((value, ctx) => {
  if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(value)) {
    complain(ctx, `"${value}" is not a time of day`, 'write hours and minutes in quotes, as in "02:00"');
  }
});

/** Longest window, in minutes: a week, after which it would meet itself. */
const WEEK = 7 * 24 * 60;

const minutes = z.string().superRefine((value, ctx) => {
  const length = minutesOf(value);
  if (length === undefined || length === 0 || length > WEEK) {
    complain(ctx, `"${value}" is not the length of a window`, "write 1m to 168h, as in 90m, 4h or 2h30m");
  }
});

const seconds = z.string().regex(/^([1-9]\d{0,2})s$|^([1-9]|[1-5]\d|60)m$/, "write 1s to 999s, or 1m to 60m");

/** Minutes of `2h30m`; `undefined` if it is no such text. */
export function minutesOf(text: string): number | undefined {
  const match = /^(?:(\d{1,3})h)?(?:(\d{1,5})m)?$/.exec(text);
  if (match === null || text === "") return undefined;
  const [, hours = "0", rest = "0"] = match;
  return Number(hours) * 60 + Number(rest);
}

/** Seconds of a hook's time-out. */
export function secondsOf(text: string): number {
  return Number.parseInt(text, 10) * (text.endsWith("m") ? 60 : 1);
}

const maintenanceWindow = z.strictObject({
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .default([...DAYS])
    .describe("Days on which it opens, as mon; it may close on the next. Default: every day."),
  start: start.describe(
    "Time of day it opens, as 02:00. Where clocks skip that time it opens as much later; where they pass it twice, the first time.",
  ),
  duration: minutes.describe("How long it stays open, as 4h or 90m; real time, whatever the clocks do meanwhile."),
  zone: zone.describe("IANA time zone of days and start, as Europe/Berlin."),
});

const hook = z
  .strictObject({
    when: z
      .enum(["before", "after"])
      .describe("before the step, or after it, also when it failed: what was put up before is taken down again."),
    steps: z
      .array(z.enum(STEPS))
      .min(1)
      .default([...STEPS])
      .describe("Steps it belongs to. Default: all that change something."),
    command: z
      .array(z.string().min(1))
      .min(1)
      .exactOptional()
      .describe(
        "Program and arguments, run without a shell where plinth runs. It finds PLINTH_SITE, PLINTH_NODE, PLINTH_STEP, PLINTH_WHEN and PLINTH_RESULT in its environment.",
      ),
    http: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/, error: "is not an http or https URL" })
          .describe("URL that gets a POST with the same facts as JSON."),
        tokenVariable: z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
          .exactOptional()
          .describe("Environment variable with a bearer token. Default: none."),
      })
      .exactOptional()
      .describe("Request instead of a command; any answer but 2xx is a failure."),
    timeout: seconds.default("60s").describe("Longest run, as 60s or 5m. Default: 60s."),
    onFailure: z
      .enum(["stop", "continue"])
      .default("stop")
      .describe("Whether the change stops when the hook fails, or goes on with a warning. Default: stop."),
  })
  .superRefine((value, ctx) => {
    if ((value.command === undefined) === (value.http === undefined)) {
      complain(ctx, "a hook is either a command or a request", "write one of command: [program] and http: {url: …}");
    }
  });

/** Schema of the part. */
export const maintenanceSchema = z.strictObject({
  windows: z
    .array(maintenanceWindow)
    .default([])
    .describe("Times at which a running cluster may be changed; one open window is enough. Default: always."),
  hooks: z.array(hook).default([]).describe("What runs before and after steps, in this order. Default: nothing."),
});

/** When a running cluster may be changed, and what runs around its changes. */
export type Maintenance = z.output<typeof maintenanceSchema>;
export type MaintenanceWindow = Maintenance["windows"][number];
export type Hook = Maintenance["hooks"][number];
