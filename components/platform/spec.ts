import { z } from "zod";
import { dnsShape } from "./area/dns";
import { exposeShape } from "./area/expose";
import { machinesShape } from "./area/machines";
import { networkShape } from "./area/network";
import { secretsShape } from "./area/secrets";
import { storageShape } from "./area/storage";

/** The `platform` section of the site file: which parts of the platform a site has, and how much of each. */
export const platformSchema = z.strictObject({
  profile: z
    .enum(["minimal", "standard", "production"])
    .default("standard")
    .describe("How much of each part: for one machine, for a few, or for a site that must not go down. In place."),
  charts: z
    .strictObject({
      mirror: z
        .string()
        .regex(/^oci:\/\/[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*$/, "write it as oci://registry.local/charts")
        .describe("Registry that holds every chart under its own name. A change installs nothing anew."),
    })
    .optional()
    .describe("Where charts come from. Default: their own repositories, or the folder in PLINTH_CHARTS_DIR."),
  ...networkShape,
  ...machinesShape,
  ...storageShape,
  ...secretsShape,
  ...dnsShape,
  ...exposeShape,
});

/** The section after parsing, defaults filled in. */
export type PlatformSpec = z.output<typeof platformSchema>;
