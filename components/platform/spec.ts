import { z } from "zod";
import { ipAddress, name, range } from "../site/fields";

/** The `platform` section of the site file: which parts of the platform a site has, and how much of each. */

const values = z
  .record(z.string(), z.unknown())
  .default({})
  .describe("Values of the chart over plinth's own. A key that the chart does not know is refused. In place.");

const asn = z.int().min(1).max(4294967295);

const cilium = z.strictObject({
  hubble: z
    .boolean()
    .optional()
    .describe("Whether flows can be looked at. Default: not with profile minimal. In place; restarts the agents."),
  gateway: z
    .boolean()
    .default(false)
    .describe("Whether it serves the Gateway API, whose CRDs come with it. In place; restarts the agents."),
  values,
});

const loadBalancerPool = z.strictObject({
  range: range.describe("First and last address, as in 10.0.3.4-10.0.3.20, or a CIDR. In place."),
  mode: z
    .enum(["l2", "bgp"])
    .default("l2")
    .describe("How routers learn of them: l2 on the machines' own network, bgp by the peers. In place."),
  autoAssign: z
    .boolean()
    .default(true)
    .describe("Whether a Service that names no pool may get one of these. In place."),
});

const metallb = z.strictObject({
  pools: z
    .record(name, loadBalancerPool)
    .describe("Pools by name; a Service chooses one by the annotation metallb.io/address-pool."),
  asn: asn.optional().describe("Own AS number; needed as soon as a pool has mode bgp. In place."),
  peers: z
    .record(
      name,
      z.strictObject({
        address: ipAddress.describe("Address of the router."),
        asn: asn.describe("AS number of the router."),
      }),
    )
    .default({})
    .describe("Routers that are told by BGP, by a stable key. In place."),
  values,
});

const ingressNginx = z.strictObject({
  pool: name.optional().describe("MetalLB pool that gives its address. Default: any pool. In place."),
  values,
});

/** Schema of the section. */
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
  cilium: cilium.optional().describe("Cilium as the network. Default: with kubernetes.cni none, as it is."),
  metallb: metallb.optional().describe("Addresses for Services of type LoadBalancer. Default: none."),
  nvidia: z
    .strictObject({ values })
    .optional()
    .describe("NVIDIA's device plugin and RuntimeClass. Default: as soon as a machine has gpu: true."),
  "ingress-nginx": ingressNginx.optional().describe("Ingresses by ingress-nginx. Default: none."),
});

/** The section after parsing, defaults filled in. */
export type PlatformSpec = z.output<typeof platformSchema>;
