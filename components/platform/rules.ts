import { planPhases } from "../kubernetes/phase";
import type { PlatformService } from "../kubernetes/service";
import { unknownValues, type Values } from "../kubernetes/values";
import { firstAddressProblems, givenAddressProblems } from "../network/service/metallb";
import type { Problem } from "../problem";
import { knownValues } from "../release/values";
import type { Draft } from "../site/rules/draft";
import { dnsProblems } from "./area/dns";
import { exposeProblems } from "./area/expose";
import { networkProblems } from "./area/network";
import { secretsProblems } from "./area/secrets";
import { storageProblems } from "./area/storage";
import { platformServices } from "./plan";
import { builtIn, machineFacts, type PlatformSite } from "./site";
import { type PlatformSpec, platformSchema } from "./spec";

/** What is wrong with a platform between its fields and those of the site. Silent while its own fields are unsound. */
export function checkPlatform(draft: Draft): Problem[] {
  const { data: spec } = platformSchema.safeParse(draft.platform);
  if (spec === undefined) return [];
  const site: PlatformSite = {
    profile: spec.profile,
    name: draft.name,
    domain: draft.domain,
    cni: draft.kubernetes.cni === "none" ? "none" : "flannel",
    ...machineFacts(
      draft.machines.map(({ key, hostname, role }) => ({ key, hostname, controlPlane: role === "controlplane" })),
      draft.kubernetes.scheduleOnControlPlanes === true,
    ),
    ipv6: draft.cidr?.value.family === 6,
    gpu: draft.machines.some(({ raw }) => typeof raw.gpus === "number" && raw.gpus > 0),
    backup: draft.backup !== undefined,
  };
  const services = platformServices(spec, site);
  return [
    ...networkProblems(spec, site, draft),
    ...secretsProblems(spec, site),
    ...storageProblems(spec, site, draft),
    ...dnsProblems(spec, site),
    ...addressProblems(spec),
    ...exposeProblems(spec, site, Object.keys(spec["cert-manager"]?.issuers ?? {})),
    ...services.flatMap((service) => valueProblems(service, spec)),
    ...(planPhases([...builtIn(site), ...services]).problems ?? []),
  ];
}

/** Addresses that parts of several areas want of the same pools. */
function addressProblems({ metallb, "ingress-nginx": ingress, powerdns }: PlatformSpec): Problem[] {
  const wanted = [
    { path: "platform.ingress-nginx.address", address: ingress?.address },
    { path: "platform.powerdns.address", address: powerdns?.address },
  ];
  const given = wanted.flatMap(({ path, address }) => (address === undefined ? [] : [{ path, address }]));
  if (metallb === undefined) return [];
  const unnamed = { path: "platform.ingress-nginx", pool: ingress?.pool };
  return [
    ...givenAddressProblems(given, metallb.pools),
    ...(ingress !== undefined && ingress.address === undefined
      ? firstAddressProblems(given, unnamed, metallb.pools)
      : []),
  ];
}

function valueProblems({ name, chart }: PlatformService, spec: PlatformSpec): Problem[] {
  const section = Object.entries(spec).find(([key]) => key === name)?.[1];
  const own = typeof section === "object" && "values" in section ? (section.values as Values) : {};
  const known = chart && knownValues(chart.name);
  return known === undefined ? [] : unknownValues(own, known.keys, `platform.${name}.values`);
}
