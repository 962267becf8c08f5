/** One step of the whole cluster to another Kubernetes, by Talos' own upgrade of it. */
import { sentence } from "../../host/failure";
import { eachBounded } from "../../wait";
import { type Cluster, PARALLEL } from "../cluster";
import { etcdGate, WAITS_FOR_NETWORK } from "../gate";
import type { Progress } from "../progress";
import { fingerprint } from "../yaml";
import type { KubernetesHop } from "./route";

export async function changeKubernetes(cluster: Cluster, hop: KubernetesHop, progress: Progress): Promise<void> {
  const { talos, signal } = cluster;
  await etcdGate(cluster, "before Kubernetes changes");
  await cluster.audit("upgrade", undefined, `rolls out Kubernetes ${hop.to}, from ${hop.from}`);
  const through = cluster.node(cluster.controlPlanes[0] ?? "").address;
  try {
    await talos.upgradeKubernetes(through, hop.to, { signal, progress: cluster.context.log.progress });
    await kubeletsRun(cluster, hop.to);
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${sentence(error)}; ${await whoRunsWhat(cluster)}`);
  } finally {
    await seen(cluster, progress);
  }
  progress.rolledOut = hop.to;
}

async function kubeletsRun(cluster: Cluster, version: string): Promise<void> {
  await cluster.wait(`every kubelet runs Kubernetes ${version}`, cluster.readySeconds, async () => {
    const nodes = await cluster.kubernetes.nodes(cluster.signal);
    for (const key of cluster.keys) {
      const node = nodes.find(({ name }) => name === cluster.node(key).hostname);
      if (node === undefined) return { missing: `${key} is not registered` };
      if (node.kubelet !== version) return { missing: `the kubelet of ${key} is ${node.kubelet}` };
      if (!node.ready && !WAITS_FOR_NETWORK.test(node.reason))
        return { missing: `${key} is not Ready: ${node.reason}` };
    }
    return { done: true };
  });
}

/** How far it came, for the person who has to go on. */
async function whoRunsWhat(cluster: Cluster): Promise<string> {
  try {
    const nodes = await cluster.kubernetes.nodes(cluster.signal);
    return `kubelets: ${nodes.map(({ name, kubelet }) => `${name} ${kubelet}`).join(", ")}`;
  } catch {
    return "the Kubernetes API does not tell how far it came";
  }
}

/** The upgrade writes images into the configurations: what runs now is plinth's own doing. */
async function seen(cluster: Cluster, progress: Progress): Promise<void> {
  const { talos, signal } = cluster;
  try {
    const nodes = await cluster.kubernetes.nodes(signal);
    await eachBounded(Object.keys(progress.running), PARALLEL, async (key) => {
      const record = progress.running[key];
      const declared = cluster.inputs.nodes[key];
      if (record === undefined || declared === undefined) return;
      const runs = fingerprint(await talos.configuration(declared.address, signal));
      const kubelet = nodes.find(({ name }) => name === declared.hostname)?.kubelet;
      progress.running[key] = {
        ...record,
        ...(kubelet !== undefined && { kubernetes: kubelet }),
        confirmed: runs,
        running: runs,
      };
    });
  } catch (error) {
    cluster.context.log.warn(`what Kubernetes' upgrade reached is not known yet: ${sentence(error)}`);
  }
}
