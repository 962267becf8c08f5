/** Conditions that must hold before and after a node changes. */
import { sameAddress } from "../../components/address/cidr";
import type { KubernetesNode } from "../kubernetes/kubernetes";
import { type EtcdStatus, TalosError } from "../talosctl/talos";
import type { Look } from "../wait";
import { eachBounded } from "../wait";
import { type Cluster, PARALLEL } from "./cluster";

/** Id of the leader that a member reports while it sees none. */
export const NO_LEADER = /^0*$/;
/** A node without its network plugin is Ready as soon as that arrives, and the plugin may come from a later layer. */
export const WAITS_FOR_NETWORK = /cni plugin not initialized|network plugin is not ready|NetworkPluginNotReady/i;

/** Members that need not be whole: nodes on their way out, and one whose machine is no more. */
export interface GateLimits {
  /** Key of a control plane whose machine is gone or empty: not asked, and its member may be there or not. */
  readonly without?: string;
  /** Addresses of control planes that are declared no longer: their members may still be there. */
  readonly leaving?: readonly string[];
}

/**
 * etcd is whole: its members are exactly the declared control planes, each healthy, none a learner, no alarm, and all
 * see one leader. Returns every member's status by node key.
 */
export function etcdGate(
  cluster: Cluster,
  when: string,
  limits: GateLimits = {},
): Promise<ReadonlyMap<string, EtcdStatus>> {
  return cluster.wait(`etcd ${when}`, cluster.etcdSeconds, () => lookAtEtcd(cluster, limits));
}

async function lookAtEtcd(cluster: Cluster, limits: GateLimits): Promise<Look<ReadonlyMap<string, EtcdStatus>>> {
  const { talos, signal } = cluster;
  const asked = cluster.controlPlanes.filter((key) => key !== limits.without);
  const entries = await eachBounded(asked, PARALLEL, async (key) => {
    try {
      return [key, await talos.etcdStatus(cluster.node(key).address, signal)] as const;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TalosError) throw new TalosError(error.kind, error.node, `${key}: ${error.message}`);
      throw new Error(`${key}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  const statuses = new Map(entries);
  const first = cluster.node(asked[0] ?? "").address;
  const members = await talos.etcdMembers(first, signal);
  const alarms = await talos.etcdAlarms(first, signal);
  const tolerated = [
    ...(limits.leaving ?? []),
    ...(limits.without === undefined ? [] : [cluster.node(limits.without).address]),
  ];
  const missing = etcdProblem(
    new Map(asked.map((key) => [key, cluster.node(key).address])),
    members.map(({ id, peerUrls, hostname, learner }) => ({ id, hosts: peerUrls.map(hostOf), hostname, learner })),
    statuses,
    alarms,
    tolerated,
  );
  return missing === undefined ? { done: statuses } : { missing };
}

interface Member {
  readonly id: string;
  readonly hosts: readonly string[];
  readonly hostname: string;
  readonly learner: boolean;
}

/** What keeps etcd from being whole; `undefined` if nothing does. Members at `tolerated` addresses do not count. Pure. */
export function etcdProblem(
  declared: ReadonlyMap<string, string>,
  members: readonly Member[],
  statuses: ReadonlyMap<string, EtcdStatus>,
  alarms: readonly string[],
  tolerated: readonly string[] = [],
): string | undefined {
  if (members.length === 2 && tolerated.length === 0) return "it has two members: one more failure stops it";
  const isOneOf = (hosts: readonly string[], addresses: readonly string[]): boolean =>
    addresses.some((address) => isAt(hosts, address));
  const counted = members.filter(({ hosts }) => !isOneOf(hosts, tolerated));
  const ghosts = counted.filter(({ hosts }) => !isOneOf(hosts, [...declared.values()]));
  if (ghosts.length > 0) {
    const names = ghosts.map(({ hostname, hosts }) => hostname || hosts.join(",")).join(", ");
    const removals = ghosts.map(({ id }) => `talosctl etcd remove-member ${id}`).join(", ");
    // It never goes by itself, and whoever is asked to wait can do something about it meanwhile.
    return `${names} is a member but no declared control plane; if its machine is gone for good: ${removals}`;
  }
  const absent = [...declared].filter(([, address]) => !counted.some(({ hosts }) => isAt(hosts, address)));
  if (absent.length > 0) return `${absent.map(([key]) => key).join(", ")} is not a member`;
  const learner = counted.find((member) => member.learner);
  if (learner !== undefined) return `${learner.hostname} is still learning`;
  if (alarms.length > 0) {
    const full = alarms.some((alarm) => alarm.includes("NOSPACE"));
    const hint = "; make room or raise quota-backend-bytes, then: talosctl etcd defrag, talosctl etcd alarm disarm";
    return `alarm ${alarms.join(", ")}${full ? hint : ""}`;
  }
  const leaders = new Set([...statuses.values()].map((status) => status.leader));
  for (const [key, status] of statuses) {
    if (status.errors.length > 0) return `${key}: ${status.errors.join(", ")}`;
    if (NO_LEADER.test(status.leader)) return `${key} sees no leader`;
  }
  return leaders.size > 1 ? "its members do not agree on a leader" : undefined;
}

/** Takes every member at an address out of etcd, through another control plane; nothing if there is none. */
export async function dropMember(cluster: Cluster, through: string, address: string, key: string): Promise<void> {
  const { talos, signal } = cluster;
  const members = await talos.etcdMembers(through, signal);
  for (const { id } of members.filter((member) => isAt(member.peerUrls.map(hostOf), address))) {
    await cluster.audit("reset", key, `takes its member ${id} out of etcd`);
    await cluster.wait(`etcd lets go of ${key}`, cluster.etcdSeconds, async () => {
      const still = (await talos.etcdMembers(through, signal)).some((member) => member.id === id);
      if (!still) return { done: true };
      await talos.etcdRemoveMember(through, id);
      return { done: true };
    });
    cluster.context.log.info(`${key}: its member ${id} is out of etcd`);
  }
}

/** Addresses are compared by what they mean: IPv6 has many ways to write one. */
export function isAt(hosts: readonly string[], address: string): boolean {
  return hosts.some((host) => sameAddress(host, address));
}

export function hostOf(url: string): string {
  try {
    return new URL(url).hostname.replace(/^\[|\]$/g, "");
  } catch {
    return url;
  }
}

/** Hands etcd's leadership from a control plane to another member, and waits until it has left. */
export async function handOnLeadership(cluster: Cluster, key: string): Promise<string> {
  const { address } = cluster.node(key);
  await cluster.audit("configure", key, "hands on etcd's leadership before it reboots");
  await cluster.talos.forfeitLeadership(address);
  await cluster.wait(`another etcd leader than ${key}`, cluster.etcdSeconds, async () => {
    const { leader, member } = await cluster.talos.etcdStatus(address, cluster.signal);
    if (NO_LEADER.test(leader)) return { missing: "there is none yet" };
    return leader === member ? { missing: "it still leads" } : { done: leader };
  });
  return "another member leads etcd";
}

/** What counts as Ready. */
interface Readiness {
  /** A node that only waits for its network plugin is not Ready. */
  readonly strict: boolean;
  /** Boot that has ended: a kubelet that still reports it is Ready by an old word. @default - any boot will do */
  readonly endedBoot?: string;
}

/** The node is registered, Ready, and runs the declared kubelet; returns it as it was seen. */
export function readyGate(cluster: Cluster, key: string, { strict, endedBoot }: Readiness): Promise<KubernetesNode> {
  const { hostname, kubernetes } = cluster.node(key);
  return cluster.wait(`${key} Ready`, cluster.readySeconds, async () => {
    const nodes = await cluster.kubernetes.nodes(cluster.signal);
    const node = nodes.find(({ name }) => name === hostname);
    if (node === undefined) return { missing: `it has not registered as Node ${hostname}` };
    if (node.bootId !== "" && node.bootId === endedBoot)
      return { missing: "its kubelet has not reported since the reboot" };
    const up = node.ready || (!strict && WAITS_FOR_NETWORK.test(node.reason));
    if (!up) return { missing: `Node ${hostname} is not Ready: ${node.reason}` };
    if (node.kubelet !== kubernetes) return { missing: `its kubelet is ${node.kubelet}, not ${kubernetes}` };
    return { done: node };
  });
}

/** Whether the node is Ready now; a Kubernetes API that does not answer counts as no. */
export async function isReady(cluster: Cluster, key: string): Promise<boolean> {
  try {
    const { hostname } = cluster.node(key);
    return (await cluster.kubernetes.nodes(cluster.signal)).some(({ name, ready }) => name === hostname && ready);
  } catch {
    cluster.signal.throwIfAborted();
    return false;
  }
}
