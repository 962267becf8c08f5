import { z } from "zod";

/** The site file's part about machines at Latitude.sh. */
export const latitudeSchema = z
  .strictObject({
    project: z.string().min(1).describe("Project that pays, by id or slug. A change is refused."),
    region: z
      .string()
      .regex(/^[A-Z]{3}[0-9]?$/, "write the slug of a site, as in NYC or SAO2")
      .describe("Slug of the site all machines stand at, as NYC. A change is refused: machines do not move."),
    plan: z
      .string()
      .min(1)
      .describe(
        "Slug of the plan of every machine that has none of its own; plinth machines plans lists them. A change needs a higher generation of the machine.",
      ),
    billing: z
      .enum(["hourly", "monthly", "yearly"])
      .default("hourly")
      .describe("Contract the machines are rented under. In place."),
  })
  .describe("Machines rented at Latitude.sh. Only with provider latitude.");

export type LatitudeSpec = z.output<typeof latitudeSchema>;
