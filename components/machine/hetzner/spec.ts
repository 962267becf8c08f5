import { z } from "zod";

/** The site file's part about servers at Hetzner Cloud. */
export const hetznerSchema = z
  .strictObject({
    location: z
      .enum(["ash", "fsn1", "hel1", "hil", "nbg1", "sin"])
      .describe("Location of all machines, as fsn1. Used when a machine is made; a change is for a new site."),
    size: z
      .string()
      .regex(/^[a-z]{2,4}[0-9]{1,2}$/, "write a server type, as in cx33 or cax21")
      .describe(
        "Server type of every machine that has no size of its own. Used when a machine is made: a change needs a higher generation.",
      ),
    loadBalancer: z
      .string()
      .regex(/^lb[0-9]{2}$/, "write a load balancer type, as in lb11")
      .optional()
      .describe("Type of a load balancer in front of the Kubernetes API. Default: none, network.endpoint names it."),
    snapshot: z
      .int()
      .min(1)
      .optional()
      .describe(
        "Id of a snapshot that holds Talos for hcloud. Default: Talos is written from the rescue system when a machine is made. Used when a machine is made.",
      ),
  })
  .describe("Servers at Hetzner Cloud. Only with provider hetzner.");

export type HetznerSpec = z.output<typeof hetznerSchema>;
