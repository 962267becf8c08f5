/** The snapshot of etcd before each hop. Without one nothing is changed. */

import type { Problem } from "../../../components/problem";
import type { PastUpgrade } from "../../../components/talos/ClusterRelease";
import { WHOLE_CLUSTER } from "../../../components/talos/hop";
import { backupProblems } from "../check";
import type { Cluster } from "../cluster";
import { etcdGate } from "../gate";
import { leaderOf } from "../plan";
import type { Progress } from "../progress";
import { documents } from "../yaml";
import type { ReleaseHop } from "./route";

/** What keeps snapshots from being taken, as the store itself, its credentials and the tools are now. */
export async function snapshotProblems(cluster: Cluster): Promise<readonly Problem[]> {
  const { backup } = cluster.inputs;
  if (backup === undefined) return backupProblems();
  const { talos, signal, context } = cluster;
  const node = cluster.node(cluster.controlPlanes[0] ?? "").address;
  const configuration = await talos.configuration(node, signal);
  const { bytes } = await talos.etcdStatus(node, signal);
  return cluster.snapshots.check(
    {
      backup,
      cluster: {
        hosts: [...cluster.keys.map((key) => cluster.node(key).address), ...endpointHosts(configuration)],
        networks: innerNetworks(configuration),
      },
      ...(bytes !== undefined && { bytes }),
    },
    { ...context, signal },
  );
}

/** Name of the snapshot from before any of a step, which an earlier run took that was killed; `undefined` if there is none. */
export async function earlierSnapshot(
  cluster: Cluster,
  { axis, from }: Pick<PastUpgrade, "axis" | "from">,
  progress: Progress,
): Promise<string | undefined> {
  const { inputs, snapshots, talos, signal, context } = cluster;
  if (inputs.backup === undefined) return undefined;
  const since = progress.lastBefore({ axis, from });
  const { address: node } = cluster.node(cluster.controlPlanes[0] ?? "");
  const question = { node, backup: inputs.backup, step: { axis, from }, ...(since !== undefined && { since }) };
  return snapshots.earlier(question, talos, { ...context, signal });
}

/**
 * Takes a fresh one, from a follower, so that the leader has only its own work. Returns the name of the one from before
 * any of the step: an earlier run may have made a part of it.
 */
export async function snapshotBefore(cluster: Cluster, hop: ReleaseHop, progress: Progress): Promise<string> {
  const { backup } = cluster.inputs;
  if (backup === undefined) throw new Error("unreachable: an upgrade without a snapshot store is refused before");
  const earlier = await earlierSnapshot(cluster, hop, progress);
  const leader = leaderOf(await etcdGate(cluster, "before the snapshot"));
  const key = cluster.controlPlanes.find((plane) => plane !== leader) ?? cluster.controlPlanes[0] ?? "";
  const { talos, signal, context } = cluster;
  const named = new Set([...progress.snapshots, ...(earlier === undefined ? [] : [earlier])]);
  const { axis, from, to } = hop;
  const inputs = { node: cluster.node(key).address, backup, before: { axis, from, to }, named };
  const { name, revision } = await cluster.snapshots.take(inputs, talos, { ...context, signal });
  progress.note(WHOLE_CLUSTER, "snapshot", "done", `${name}, at etcd's revision ${revision}, verified`);
  return earlier ?? name;
}

interface ClusterPart {
  readonly endpoint?: string;
  readonly controlPlane?: { readonly endpoint?: string };
  readonly network?: { readonly podSubnets?: readonly string[]; readonly serviceSubnets?: readonly string[] };
}

/** The cluster's part of a machine configuration, in either of its forms. */
function clusterParts(configuration: string): readonly ClusterPart[] {
  return documents(configuration).map((document) => {
    const whole = (document ?? {}) as ClusterPart & { readonly kind?: unknown; readonly cluster?: ClusterPart };
    if (whole.kind === undefined) return whole.cluster ?? {};
    return whole.kind === "KubeNetworkConfig" ? { network: whole as NonNullable<ClusterPart["network"]> } : whole;
  });
}

function endpointHosts(configuration: string): readonly string[] {
  return clusterParts(configuration).flatMap(({ endpoint, controlPlane }) => {
    const url = controlPlane?.endpoint ?? endpoint;
    return typeof url === "string" && URL.canParse(url) ? [new URL(url).hostname] : [];
  });
}

function innerNetworks(configuration: string): readonly string[] {
  return clusterParts(configuration).flatMap(({ network }) => [
    ...(network?.podSubnets ?? []),
    ...(network?.serviceSubnets ?? []),
  ]);
}
