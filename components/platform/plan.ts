import { type Phase, planPhases, type Service } from "../kubernetes/phase";
import type { PlatformService, Profile } from "../kubernetes/service";
import { nvidiaService } from "../machine/gpu/service";
import { ciliumService } from "../network/service/cilium";
import { ingressNginxService } from "../network/service/ingress";
import { metalLbService } from "../network/service/metallb";
import type { PlatformSpec } from "./spec";

/** What a platform is told about the site it goes into. */
export interface PlatformSite {
  /** Who brings the pod network. */
  readonly cni: "flannel" | "none";
  /** Host names of every node. */
  readonly nodes: readonly string[];
  /** Whether ordinary pods run on control planes alone. */
  readonly onlyControlPlanes: boolean;
  readonly ipv6: boolean;
  /** Whether any node has a GPU that pods shall use. */
  readonly gpu: boolean;
}

/** The platform of a site: what is installed, and in which order. */
export interface PlatformPlan {
  readonly profile: Profile;
  /** Registry of every chart. @default - their own repositories */
  readonly mirror?: string;
  readonly services: readonly PlatformService[];
  readonly phases: readonly Phase[];
  /** Whether the network is there with the cluster, or has to be installed first. */
  readonly brings: "network" | "nothing";
}

/** The services a section asks for; a section that asks for nothing still has its network. */
export function platformServices(spec: PlatformSpec, site: PlatformSite): readonly PlatformService[] {
  const { profile, cilium, metallb, nvidia, "ingress-nginx": ingress } = spec;
  const services: PlatformService[] = [];
  if (site.cni === "none") {
    const { hubble, gateway = false, values = {} } = cilium ?? {};
    const own = { profile, nodes: site.nodes, ipv6: site.ipv6, gateway, values };
    services.push(ciliumService({ ...own, ...(hubble !== undefined && { hubble }) }));
  }
  if (metallb !== undefined) {
    const { asn, ...rest } = metallb;
    const own = { ...rest, profile, controlPlanes: site.onlyControlPlanes };
    services.push(metalLbService({ ...own, ...(asn !== undefined && { asn }) }));
  }
  if (site.gpu) services.push(nvidiaService(nvidia ?? {}));
  if (ingress !== undefined) {
    const { pool, values } = ingress;
    services.push(ingressNginxService({ profile, values, ...(pool !== undefined && { pool }) }));
  }
  return services;
}

/** What the cluster brings by itself. */
export function builtIn({ cni }: PlatformSite): readonly Service[] {
  return cni === "flannel" ? [{ name: "flannel", needs: [], provides: ["network"] }] : [];
}

/** The plan of a checked section. */
export function planPlatform(spec: PlatformSpec, site: PlatformSite): PlatformPlan {
  const services = platformServices(spec, site);
  const base = builtIn(site);
  const { phases } = planPhases([...base, ...services]);
  if (phases === undefined) throw new Error("unreachable: a checked platform has an order");
  return {
    profile: spec.profile,
    ...(spec.charts !== undefined && { mirror: spec.charts.mirror }),
    services,
    phases,
    brings: base.length > 0 ? "network" : "nothing",
  };
}
