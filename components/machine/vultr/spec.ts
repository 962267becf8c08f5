import { z } from "zod";

/** The site file's part about instances at Vultr. */
export const vultrSchema = z
  .strictObject({
    region: z
      .string()
      .regex(/^[a-z]{3}$/, "write the id of a region, as in ams")
      .describe("Region of all machines, as ams. Used when a machine is made; a change is for a new site."),
    size: z
      .string()
      .regex(/^[a-z0-9]+(-[a-z0-9]+)+$/, "write a plan, as in vc2-2c-4gb")
      .describe(
        "Plan of every machine that has no size of its own. Used when a machine is made: a change needs a higher generation.",
      ),
    loadBalancer: z
      .boolean()
      .optional()
      .describe(
        "Whether a load balancer stands in front of the Kubernetes API. Default: none, network.endpoint names it.",
      ),
    links: z
      .strictObject({
        internet: z.string().min(1).default("enp1s0").describe("Name of the link to the Internet."),
        site: z.string().min(1).default("enp6s0").describe("Name of the link in the site's network."),
      })
      .default({ internet: "enp1s0", site: "enp6s0" })
      .describe("Names of the links: Vultr's Pulumi package tells no Ethernet addresses. In place."),
  })
  .describe("Instances at Vultr. Only with provider vultr.");

export type VultrSpec = z.output<typeof vultrSchema>;
