import { type Phase, planPhases } from "../kubernetes/phase";
import type { PlatformService, Profile } from "../kubernetes/service";
import { versions } from "../release/versions";
import { stackSecrets } from "../secrets/stack";
import { defaultIssuer, dnsServices } from "./area/dns";
import { exposeServices } from "./area/expose";
import { machinesServices } from "./area/machines";
import { networkServices } from "./area/network";
import { secretsServices } from "./area/secrets";
import { storageServices } from "./area/storage";
import { builtIn, type PlatformSite } from "./site";
import type { PlatformSpec } from "./spec";

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

/** The services a section asks for. */
export function platformServices(spec: PlatformSpec, site: PlatformSite): readonly PlatformService[] {
  return [
    ...networkServices(spec, site),
    ...machinesServices(spec, site),
    ...storageServices(spec, site),
    ...secretsServices(spec, site),
    ...dnsServices(spec, site),
    ...exposeServices(spec, defaultIssuer(spec)),
  ];
}

/** The plan of a checked section. */
export function planPlatform(spec: PlatformSpec, site: PlatformSite): PlatformPlan {
  const services = platformServices(spec, site).map((service) => toldOfMirror(service, spec));
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

/** A registry of charts holds no plain files: they come from where they always come from, which an air gap shuts off. */
function toldOfMirror(service: PlatformService, { charts }: PlatformSpec): PlatformService {
  const { name, manifests = [], warnings = [] } = service;
  if (charts === undefined || manifests.length === 0) return service;
  const files = manifests.map((each) => `${each} (${new URL(versions().manifests[each]?.url ?? "").host})`).join(", ");
  const told = `${name}: ${files} is a plain file, which platform.charts.mirror does not hold; behind an air gap take every chart from a folder (PLINTH_CHARTS_DIR)`;
  return { ...service, warnings: [...warnings, told] };
}

/** A secret of the stack's configuration that the platform cannot do without. */
export interface NeededSecret {
  readonly secret: string;
  /** Where the site file asks for what needs it first. */
  readonly path: string;
  /** Names of all services that need it. */
  readonly users: readonly string[];
}

/** Every secret of the stack's configuration that these services cannot do without. */
export function neededSecrets(services: readonly PlatformService[]): readonly NeededSecret[] {
  const found = new Map<string, NeededSecret>();
  for (const { name, path = `platform.${name}`, secrets = {} } of services) {
    for (const spec of Object.values(secrets).filter(({ optional }) => optional !== true)) {
      for (const secret of stackSecrets(spec)) {
        const known = found.get(secret);
        found.set(secret, { secret, path: known?.path ?? path, users: [...(known?.users ?? []), name] });
      }
    }
  }
  return [...found.values()];
}
