import { single } from "../address/cidr";
import { planPhases } from "../kubernetes/phase";
import type { PlatformService } from "../kubernetes/service";
import { unknownValues, type Values } from "../kubernetes/values";
import { loadBalancerProblems, type TakenRange } from "../network/service/metallb";
import type { Problem } from "../problem";
import { knownValues } from "../release/values";
import type { Draft } from "../site/rules/draft";
import { builtIn, type PlatformSite, platformServices } from "./plan";
import { type PlatformSpec, platformSchema } from "./spec";

/** What is wrong with a platform between its fields and those of the site. Silent while its own fields are unsound. */
export function checkPlatform(draft: Draft): Problem[] {
  const { data: spec } = platformSchema.safeParse(draft.platform);
  if (spec === undefined) return [];
  const site: PlatformSite = {
    cni: draft.kubernetes.cni === "none" ? "none" : "flannel",
    nodes: draft.machines.map(({ hostname }) => hostname),
    onlyControlPlanes: draft.machines.every(({ role }) => role === "controlplane"),
    ipv6: draft.cidr?.value.family === 6,
    gpu: draft.machines.some(({ raw }) => typeof raw.gpus === "number" && raw.gpus > 0),
  };
  const services = platformServices(spec, site);
  return [
    ...checkCni(spec, site),
    ...checkLoadBalancer(spec, draft),
    ...services.flatMap((service) => checkValues(service, spec)),
    ...(planPhases([...builtIn(site), ...services]).problems ?? []),
  ];
}

function checkCni({ cilium }: PlatformSpec, { cni }: PlatformSite): Problem[] {
  if (cilium === undefined || cni === "none") return [];
  return [
    {
      path: "platform.cilium",
      reason: "stands beside kubernetes.cni: flannel, and a cluster has one pod network",
      fix: "write kubernetes.cni: none, or remove it",
    },
  ];
}

function checkLoadBalancer({ metallb, "ingress-nginx": ingress }: PlatformSpec, draft: Draft): Problem[] {
  const problems: Problem[] = [];
  if (metallb !== undefined) {
    const { asn, ...rest } = metallb;
    const network = typeof draft.network.cidr === "string" ? draft.network.cidr : undefined;
    const settings = { ...rest, ...(asn !== undefined && { asn }) };
    problems.push(...loadBalancerProblems(settings, draft.cidr && network, takenIn(draft)));
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

function checkValues({ name, chart }: PlatformService, spec: PlatformSpec): Problem[] {
  const section = Object.entries(spec).find(([key]) => key === name)?.[1];
  const own = typeof section === "object" && "values" in section ? (section.values as Values) : {};
  const known = knownValues(chart.name);
  return known === undefined ? [] : unknownValues(own, known.keys, `platform.${name}.values`);
}
