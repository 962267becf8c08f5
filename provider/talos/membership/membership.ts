/**
 * Brings the members of a cluster to those declared. Workers leave first, because nothing depends on them; then the
 * control planes that are other machines now make etcd whole; then control planes leave, one at a time; new workers last.
 */
import type { ClusterReleaseInputs } from "../../../components/talos/ClusterRelease";
import type { Cluster } from "../cluster";
import type { Progress } from "../progress";
import { leavingNodes, renewedKeys, replacedMachines } from "./change";
import { leave } from "./leave";
import { renew } from "./renew";

export async function changeMembers(
  cluster: Cluster,
  old: ClusterReleaseInputs | undefined,
  progress: Progress,
): Promise<void> {
  const { nodes } = cluster.inputs;
  const outputs = progress.outputs("partial");
  const prior = { inputs: old ?? cluster.inputs, outputs };
  progress.leaving = leavingNodes(prior, nodes);
  const renewed = renewedKeys(prior, nodes);
  progress.replaced = replacedMachines(prior, nodes, renewed);
  for (const key of Object.keys(progress.running)) {
    const address = nodes[key]?.address;
    if (address !== undefined) cluster.installed.add(address);
  }
  const are = (type: "controlplane" | "worker") => renewed.filter((key) => nodes[key]?.type === type);
  await leave(cluster, "worker", progress);
  await renew(cluster, are("controlplane"), progress);
  await leave(cluster, "controlplane", progress);
  await renew(cluster, are("worker"), progress);
}
