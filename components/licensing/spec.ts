import { z } from "zod";
import { licenceKey } from "./keys";

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
  })
  .describe("Licence that covers the site; docs/licences.md tells of it. Default: none is asked for.");

/** The part after parsing. */
export type LicenceSpec = z.output<typeof licenceSchema>;
