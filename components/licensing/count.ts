import type { SitePlan } from "../site/plan";
import type { Feature } from "./tiers";
import type { Use } from "./use";
import type { Devices } from "./verdict";

/** Providers whose machines belong to the site; every other one rents them out. */
const OWN: readonly string[] = ["metal", "lab", "proxmox"];

/** What a site uses of what is licensed, counted from its plan. Pure. */
export function countUse({ nodes, pools, platform, provider }: SitePlan): Use {
  const controlPlanes = nodes.filter(({ type }) => type === "controlplane").length;
  const gpus = nodes.reduce((sum, { gpus: own = 0 }) => sum + own, 0);
  const used: Readonly<Record<Feature, boolean>> = {
    "multi-node": nodes.length > 1,
    "high-availability": controlPlanes >= 3,
    netbox: Object.values(pools).some(({ backend }) => backend === "netbox"),
    gpu: gpus > 0,
    "platform-services": (platform?.services ?? []).length > 0,
    "rented-machines": !OWN.includes(provider),
  };
  const features = (Object.keys(used) as Feature[]).filter((feature) => used[feature]);
  return { sites: 1, nodes: nodes.length, gpus, features };
}

/**
 * As much of it as ran before this stack: adopted machines and what stands on them; `undefined` when there are none.
 * Nobody gains a machine by calling it adopted, as such a one gets no configuration and has to run already. Pure.
 */
export function countAdopted(plan: SitePlan): Use | undefined {
  const nodes = plan.nodes.filter(({ adopted }) => adopted === true);
  return nodes.length === 0 ? undefined : countUse({ ...plan, nodes });
}

/** What the site file says its machines can be recognised by; what they truly are, the cluster knows. Pure. */
export function declaredDevices({ nodes }: SitePlan): Devices {
  const wwids = nodes.flatMap(({ disk }) => ("wwid" in disk ? [disk.wwid] : []));
  const uuids = nodes.flatMap(({ boot }) => boot?.uuid ?? []);
  return { uuids, wwids };
}
