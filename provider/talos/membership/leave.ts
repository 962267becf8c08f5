/** Takes nodes that are declared no longer out of the cluster, one after the other: workers, then control planes. */
import type { LeavingNode } from "../../../components/talos/ClusterRelease";
import { sentence } from "../../host/failure";
import { TalosError } from "../../talosctl/talos";
import { checkpoint } from "../../wait";
import type { Cluster } from "../cluster";
import { dropMember, etcdGate } from "../gate";
import type { Progress } from "../progress";
import { forgetNode, wipe } from "../reset";

/** Those of one kind; what could not leave stays in the record, and the next run goes on with it. */
export async function leave(cluster: Cluster, type: LeavingNode["type"], progress: Progress): Promise<void> {
  const keys = Object.keys(progress.leaving).filter((key) => progress.leaving[key]?.type === type);
  for (const key of keys.sort()) {
    checkpoint(cluster.signal);
    const node = progress.leaving[key];
    if (node === undefined) continue;
    cluster.context.log.progress(`${key} leaves`);
    try {
      const detail = await (type === "worker" ? workerLeaves : controlPlaneLeaves)(cluster, key, node, progress);
      progress.note(key, "leave", "done", detail);
    } catch (error) {
      progress.note(key, "leave", "failed", cluster.context.redact(sentence(error)));
      throw new Error(`${key} has not left: ${sentence(error)}; run the update again to go on`);
    }
    delete progress.leaving[key];
    delete progress.running[key];
  }
}

async function workerLeaves(cluster: Cluster, key: string, node: LeavingNode): Promise<string> {
  if (cluster.inputs.onDestroy !== "reset") {
    cluster.context.log.warn(`${key} is declared no longer and keeps running; onDestroy: reset would wipe it`);
    return "left running, it is declared no longer";
  }
  const wiped = await wipeIfAlive(cluster, key, node);
  await forgetNode(cluster, node.hostname);
  return wiped;
}

/** Its member goes before its disk; the others have to be whole without it, because it may be the one that is dead. */
async function controlPlaneLeaves(
  cluster: Cluster,
  key: string,
  node: LeavingNode,
  progress: Progress,
): Promise<string> {
  const leaving = Object.values(progress.leaving).map(({ address }) => address);
  await etcdGate(cluster, `before ${key} leaves`, { leaving });
  const wiped = await wipeIfAlive(cluster, key, node);
  await dropMember(cluster, cluster.node(cluster.controlPlanes[0] ?? "").address, node.address, key);
  await forgetNode(cluster, node.hostname);
  await etcdGate(cluster, `after ${key} has left`, { leaving: leaving.filter((address) => address !== node.address) });
  return wiped;
}

async function wipeIfAlive(cluster: Cluster, key: string, node: LeavingNode): Promise<string> {
  try {
    // The declared nodes are called where they can be reached; this one is no longer among them.
    await wipe(cluster, key, { address: node.reach ?? node.address }, true);
    return "wiped, it is declared no longer";
  } catch (error) {
    if (!(error instanceof TalosError && error.kind === "unreachable")) throw error;
    // The cluster can do without a dead machine's farewell; what is on its disks stays there.
    cluster.context.log.warn(`${key} does not answer and was not wiped: wipe its disks before it is used again`);
    return "it does not answer: forgotten, not wiped";
  }
}
