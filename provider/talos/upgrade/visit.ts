/** One node on its way to another image: what its steps hand to each other, and what is seen of it. */
import { installerImage } from "../../../components/boot/assets";
import { schematicId } from "../../../components/boot/schematic";
import { findTalosRelease } from "../../../components/talos/releases";
import type { KubernetesNode } from "../../kubernetes/kubernetes";
import { TalosError } from "../../talosctl/talos";
import type { Cluster } from "../cluster";
import { documents } from "../yaml";
import type { TalosHop } from "./route";
import type { Expected, Sight } from "./verdict";
import { verdict } from "./verdict";

/** The image of no extension and no kernel argument. */
const PLAIN_SCHEMATIC = schematicId({});

export interface Visit {
  readonly cluster: Cluster;
  readonly key: string;
  readonly hop: TalosHop;
  readonly image: string;
  /** Boot that runs when the hop begins. */
  readonly bootId: string;
  /** Id of its etcd member when the hop begins; on control planes only. */
  readonly member?: string;
  /** Whether its Node was Ready when the hop begins. */
  readonly wasReady: boolean;
  /** Services that have to run before it counts as up. */
  readonly services: readonly string[];
  /** Whether its etcd member led at the last gate. */
  leads?: boolean;
}

/** Image that a node boots in a hop. */
function imageOf(cluster: Cluster, key: string, hop: TalosHop, runs: string | undefined): string {
  const schematic = cluster.node(key).schematic ?? runs ?? PLAIN_SCHEMATIC;
  const { factory, platform, secureBoot = false } = cluster.inputs.upgrade ?? {};
  return installerImage({
    ...{ schematic, version: hop.to, secureBoot },
    ...(factory !== undefined && { factory }),
    ...(platform !== undefined && { platform }),
  });
}

/** Whether the Talos that runs installs by one call and reboots by another. */
export function installsApart({ hop }: Pick<Visit, "hop">): boolean {
  return findTalosRelease(hop.from)?.installsApart ?? true;
}

/** The node's Node, as Kubernetes has it now; the API may be away for a while. */
export function kubernetesNode({ cluster, key }: Pick<Visit, "cluster" | "key">): Promise<KubernetesNode | undefined> {
  const { hostname } = cluster.node(key);
  return cluster.wait(`the Kubernetes API tells of ${key}`, cluster.readySeconds, async () => ({
    done: (await cluster.kubernetes.nodes(cluster.signal)).find(({ name }) => name === hostname),
  }));
}

/** What a visit begins with; `earlier` is what another run installed, for a node that was rebooted by that run. */
export async function beginVisit(
  cluster: Cluster,
  hop: TalosHop,
  key: string,
  earlier?: { readonly image: string; readonly bootId: string },
): Promise<Visit> {
  const { talos, signal, inputs } = cluster;
  const { address, type } = cluster.node(key);
  const bootId = earlier?.bootId ?? (await talos.bootId(address, signal));
  const image = earlier?.image ?? imageOf(cluster, key, hop, await talos.schematic(address, signal));
  const configured = extensionServices(await talos.configuration(address, signal));
  // Which member it was before that reboot, nobody knows any more.
  const known = type === "controlplane" && earlier === undefined;
  const member = known ? (await talos.etcdStatus(address, signal)).member : undefined;
  const node = await kubernetesNode({ cluster, key });
  return {
    cluster,
    key,
    hop,
    image,
    bootId,
    ...(member !== undefined && { member }),
    wasReady: node?.ready ?? false,
    services: [...new Set([...(inputs.upgrade?.services ?? []), ...configured])].sort(),
  };
}

/** What has to be true of the node after its reboot. */
export function expectationOf(visit: Visit): Expected {
  const { cluster, key, hop, bootId, member, wasReady, services } = visit;
  const { address, hostname, schematic } = cluster.node(key);
  return {
    address,
    hostname,
    bootId,
    from: hop.from,
    to: hop.to,
    ...(schematic !== undefined && { schematic }),
    installedApart: installsApart(visit),
    ...(member !== undefined && { member }),
    controlPlanes: cluster.controlPlanes.map((plane) => cluster.node(plane).address),
    strict: wasReady,
    services,
  };
}

/** Looks at the node, no further than to the first thing that is wrong. */
export async function sightOf(visit: Visit, expected: Expected): Promise<Sight> {
  const { cluster, key } = visit;
  const { talos, signal } = cluster;
  const { address } = cluster.node(key);
  let seen: Sight = {};
  try {
    seen = { bootId: await talos.bootId(address, signal) };
    if (seen.bootId === expected.bootId) return seen;
    const schematic = await talos.schematic(address, signal);
    seen = { ...seen, talos: await talos.version(address, signal), ...(schematic !== undefined && { schematic }) };
    if (expected.member !== undefined) seen = { ...seen, etcd: await etcdOf(visit) };
    if (verdict(seen, expected) !== undefined) return seen;
    seen = { ...seen, kubernetes: await nodesOf(cluster) };
    if (verdict(seen, expected) !== undefined) return seen;
    return expected.services.length === 0 ? seen : { ...seen, services: await talos.services(address, signal) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TalosError)) throw error;
    return { ...seen, failure: { kind: error.kind, message: error.message } };
  }
}

async function etcdOf({ cluster, key }: Visit): Promise<NonNullable<Sight["etcd"]>> {
  const { talos, signal } = cluster;
  const { address } = cluster.node(key);
  try {
    return { members: await talos.etcdMembers(address, signal), status: await talos.etcdStatus(address, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function nodesOf(cluster: Cluster): Promise<NonNullable<Sight["kubernetes"]>> {
  try {
    return await cluster.kubernetes.nodes(cluster.signal);
  } catch (error) {
    cluster.signal.throwIfAborted();
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Services of the extensions that a machine configuration configures. */
function extensionServices(configuration: string): readonly string[] {
  return documents(configuration).flatMap((document) => {
    const { kind, name } = (document ?? {}) as { readonly kind?: unknown; readonly name?: unknown };
    return kind === "ExtensionServiceConfig" ? [`ext-${String(name)}`] : [];
  });
}
