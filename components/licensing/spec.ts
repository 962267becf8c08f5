import { z } from "zod";
import { licenceKey } from "./keys";

const check = z
  .strictObject({
    image: z
      .string()
      .regex(
        /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+(:[\w.-]+)?@sha256:[0-9a-f]{64}$/,
        "name it with its digest, @sha256:…",
      )
      .describe("Image of plinth, with its digest; image/README.md tells how it is built. In place."),
    schedule: z
      .string()
      .regex(/^(\S+\s+){4}\S+$/, "write five fields as of cron, as in 17 * * * *")
      .default("17 5 * * *")
      .describe("When it runs, as cron has it, in UTC. Default: once a day. In place."),
    push: z
      .url({ protocol: /^https?$/, error: "is not an http or https URL" })
      .optional()
      .describe(
        "URL of a Pushgateway that gets its metrics. Default: they stay in ConfigMap licence-status. In place.",
      ),
  })
  .describe("A CronJob that judges the licence by the nodes that are there. Default: none.");

/**
 * The site file's part `licence`. What is no licence is no mistake of the file: it is judged, so that a torn licence
 * stops growth and nothing else.
 */
export const licenceSchema = z
  .strictObject({
    text: z
      .string()
      .describe("The licence, as the vendor sent it. Another one is judged at the next preview; nothing restarts."),
    keys: z
      .array(licenceKey)
      .min(1, "the vendor's keys are missing")
      .describe("The vendor's public keys, from keys.json. In place."),
    revocations: z
      .string()
      .optional()
      .describe("The vendor's newest revocation list. An older one than was seen is refused. Default: none. In place."),
    check: check.optional(),
  })
  .describe("Licence that covers the site; docs/licences.md tells of it. Default: none is asked for.");

/** What the check inside the cluster needs, after parsing. */
export type CheckSpec = NonNullable<LicenceSpec["check"]>;
/** The part after parsing. */
export type LicenceSpec = z.output<typeof licenceSchema>;
