import type { Service } from "../kubernetes/phase";
import type { Profile } from "../kubernetes/service";

/** What a platform is told about the site it goes into. */
export interface PlatformSite {
  readonly profile: Profile;
  readonly name: string;
  /** Domain that every host of the site lies in. */
  readonly domain: string;
  /** Who brings the pod network. */
  readonly cni: "flannel" | "none";
  /** Host names of every node. */
  readonly nodes: readonly string[];
  /** Host names by the key of their machine. */
  readonly hosts: ReadonlyMap<string, string>;
  /** Host names of the nodes on which ordinary pods run. */
  readonly workloads: readonly string[];
  /** Whether ordinary pods run on control planes alone. */
  readonly onlyControlPlanes: boolean;
  readonly ipv6: boolean;
  /** Whether any node has a GPU that pods shall use. */
  readonly gpu: boolean;
  /** Whether snapshots of etcd are kept outside of the cluster. */
  readonly backup: boolean;
}

/** A machine, as far as a platform goes. */
export interface PlatformMachine {
  readonly key: string;
  readonly hostname: string;
  readonly controlPlane: boolean;
}

/** What follows from the machines. Where there are no workers, or it is allowed, ordinary pods run on control planes. */
export function machineFacts(machines: readonly PlatformMachine[], onControlPlanes: boolean) {
  const workers = machines.filter(({ controlPlane }) => !controlPlane);
  const names = (some: readonly PlatformMachine[]) => some.map(({ hostname }) => hostname);
  return {
    nodes: names(machines),
    hosts: new Map(machines.map(({ key, hostname }) => [key, hostname])),
    workloads: names(onControlPlanes || workers.length === 0 ? machines : workers),
    onlyControlPlanes: workers.length === 0,
  };
}

/** What the cluster brings by itself. */
export function builtIn({ cni }: Pick<PlatformSite, "cni">): readonly Service[] {
  return cni === "flannel" ? [{ name: "flannel", needs: [], provides: ["network"] }] : [];
}
