import { z } from "zod";

/** The site file's part `telemetry`. */
export const telemetrySchema = z
  .strictObject({
    url: z
      .url({ protocol: /^https$/, error: "is not an https URL" })
      .refine((text) => new URL(text).username === "" && new URL(text).password === "", "holds a user or a password")
      .describe("Where plinth telemetry send brings reports. Nothing changes in the site."),
  })
  .describe("What may be told of this site; plinth telemetry show prints it. Default: nothing is ever told.");

/** The part after parsing. */
export type Telemetry = z.output<typeof telemetrySchema>;
