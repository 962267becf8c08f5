import { z } from "zod";
import { complain } from "../site/fields";

/** The site file's part `telemetry`. */
export const telemetrySchema = z
  .strictObject({
    url: z
      .url({ protocol: /^https$/, error: "is not an https URL" })
      .superRefine((text, ctx) => {
        // It is asked of a text that is no URL as well.
        const { username = "", password = "" } = URL.canParse(text) ? new URL(text) : {};
        if (`${username}${password}` !== "")
          complain(ctx, "holds a user or a password", "leave both out of the site file");
      })
      .describe("Where plinth telemetry send brings reports. Nothing changes in the site."),
  })
  .describe("What may be told of this site; plinth telemetry show prints it. Default: nothing is ever told.");

/** The part after parsing. */
export type Telemetry = z.output<typeof telemetrySchema>;
