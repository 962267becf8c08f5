import { z } from "zod";
import { single } from "../../address/cidr";
import type { PlatformService } from "../../kubernetes/service";
import { ciliumService } from "../../network/service/cilium";
import { ingressNginxService } from "../../network/service/ingress";
import { loadBalancerProblems, metalLbService, type TakenRange } from "../../network/service/metallb";
import { tailscaleRoutesService } from "../../network/service/tailscale";
import type { Problem } from "../../problem";
import { cidr, ipAddress, name, range } from "../../site/fields";
import type { Draft } from "../../site/rules/draft";
import type { PlatformSite } from "../site";
import { given, stackSecret, values } from "./fields";

/** Network: pods, addresses of services, ways in. */

const asn = z.int().min(1).max(4294967295);

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
  address: ipAddress
    .optional()
    .describe("Address that it is reached at, of a MetalLB pool. Default: any of the pool. In place."),
  values,
});

const tailscale = z.strictObject({
  routes: z.array(cidr).min(1).describe("Networks that the tailnet reaches through the cluster. In place."),
  hostname: name.optional().describe("Name that its routers have in the tailnet. Default: the site's name."),
  clientId: stackSecret
    .default("tailscale-client-id")
    .describe("Secret of the stack with the id of an OAuth client that may make keys. In place."),
  clientSecret: stackSecret
    .default("tailscale-client-secret")
    .describe("Secret of the stack with the client's secret. In place."),
  values,
});

/** The area's part of the section. */
export const networkShape = {
  cilium: cilium.optional().describe("Cilium as the network. Default: with kubernetes.cni none, as it is."),
  metallb: metallb.optional().describe("Addresses for Services of type LoadBalancer. Default: none."),
  "ingress-nginx": ingressNginx.optional().describe("Ingresses by ingress-nginx. Default: none."),
  tailscale: tailscale.optional().describe("Networks of the site as routes of a tailnet. Default: none."),
};

type Section = z.output<z.ZodObject<typeof networkShape>>;

/** The services the section asks for; one that asks for nothing still has its network. */
export function networkServices(section: Section, site: PlatformSite): readonly PlatformService[] {
  const { profile } = site;
  const { cilium, metallb, "ingress-nginx": ingress, tailscale } = section;
  return [
    ...(site.cni === "none"
      ? [ciliumService({ profile, nodes: site.nodes, ipv6: site.ipv6, ...given(cilium ?? {}) })]
      : []),
    ...(metallb ? [metalLbService({ controlPlanes: site.onlyControlPlanes, ...given(metallb) })] : []),
    ...(ingress ? [ingressNginxService({ profile, ...given(ingress) })] : []),
    ...(tailscale ? [tailscaleRoutesService({ profile, hostname: site.name, ...given(tailscale) })] : []),
  ];
}

/** What is wrong between the area's fields and those of the site. */
export function networkProblems(section: Section, site: PlatformSite, draft: Draft): Problem[] {
  return [...cniProblems(section, site), ...poolProblems(section, draft)];
}

function cniProblems({ cilium }: Section, { cni }: PlatformSite): Problem[] {
  if (cilium === undefined || cni === "none") return [];
  return [
    {
      path: "platform.cilium",
      reason: "stands beside kubernetes.cni: flannel, and a cluster has one pod network",
      fix: "write kubernetes.cni: none, or remove it",
    },
  ];
}

function poolProblems({ metallb, "ingress-nginx": ingress }: Section, draft: Draft): Problem[] {
  const problems: Problem[] = [];
  if (metallb !== undefined) {
    const network = typeof draft.network.cidr === "string" ? draft.network.cidr : undefined;
    problems.push(...loadBalancerProblems(given(metallb), draft.cidr && network, takenIn(draft)));
  }
  const pool = ingress?.pool;
  const pools = Object.keys(metallb?.pools ?? {});
  if (pool !== undefined && metallb !== undefined && !pools.includes(pool)) {
    problems.push({
      path: "platform.ingress-nginx.pool",
      reason: `there is no pool "${pool}" of MetalLB`,
      fix: `use one of ${pools.join(", ")}, or add it under platform.metallb.pools`,
    });
  }
  return problems;
}

/** Every address and range that somebody else has. */
function takenIn({ vip, gateway, nameservers, machines, pools }: Draft): readonly TakenRange[] {
  const addresses = [vip, gateway, ...nameservers, ...machines.map(({ address }) => address)];
  return [
    ...addresses.flatMap((address) => (address ? [{ path: address.path, range: single(address.value) }] : [])),
    ...pools.flatMap(({ extent }) => (extent ? [{ path: extent.path, range: extent.value }] : [])),
  ];
}
