/** Brings the versions of a running cluster to those declared: one hop of the route after the other, each behind a snapshot. */

import { refuse } from "../../../components/problem";
import type { PastUpgrade } from "../../../components/talos/ClusterRelease";
import { changesEtcdFormat, formatHop, WHOLE_CLUSTER } from "../../../components/talos/hop";
import { sentence } from "../../host/failure";
import { eachBounded } from "../../wait";
import { type Cluster, PARALLEL } from "../cluster";
import type { Progress } from "../progress";
import { mayTurn, turn } from "../turn";
import { liftCordons } from "./drain";
import { Halt } from "./halt";
import { changeKubernetes } from "./kubernetes";
import { preflight } from "./preflight";
import { type ReleaseHop, type RouteNode, routeOf, type Versions } from "./route";
import { settle } from "./settle";
import { earlierSnapshot, snapshotBefore } from "./snapshot";
import { changeTalos } from "./talos";

/** Returns what stopped it; nothing when every node runs what is declared. */
export async function upgrade(cluster: Cluster, progress: Progress): Promise<readonly string[]> {
  const nodes = await runningVersions(cluster);
  await recordUnseen(cluster, progress, nodes);
  const { hops, problems } = routeOf(nodes, cluster.inputs, progress.rolledOut);
  refuse("the upgrade is refused", problems);
  try {
    await settle(cluster, hops, progress);
    if (hops.length === 0) return [];
    await preflight(cluster, hops);
    progress.note(WHOLE_CLUSTER, "preflight", "done", "etcd is whole, every Node is a declared one");
    for (const [place, hop] of hops.entries()) {
      const title = `step ${place + 1} of ${hops.length}, ${formatHop(hop)}`;
      cluster.context.log.info(title);
      const failure = await make(cluster, hop, progress);
      if (failure !== undefined) return [`${title}: ${failure}; run the update again to go on`];
    }
    return [];
  } finally {
    await liftCordons(cluster);
  }
}

async function make(cluster: Cluster, hop: ReleaseHop, progress: Progress): Promise<string | undefined> {
  let snapshot: string | undefined;
  try {
    mayTurn(cluster, hop.axis === "talos" ? "install" : "kubernetes");
    snapshot = await turn(cluster, WHOLE_CLUSTER, "snapshot", () => snapshotBefore(cluster, hop, progress));
    if (hop.axis === "talos") await changeTalos(cluster, hop, progress);
    else await turn(cluster, WHOLE_CLUSTER, "kubernetes", () => changeKubernetes(cluster, hop, progress));
    progress.upgraded(past(hop, hop.axis === "talos" ? hop.nodes : cluster.keys, snapshot));
    if (hop.axis === "kubernetes") progress.note(WHOLE_CLUSTER, "kubernetes", "done", `Kubernetes ${hop.to}`);
    return undefined;
  } catch (error) {
    if (!(error instanceof Halt)) {
      if (hop.axis === "kubernetes") progress.note(WHOLE_CLUSTER, "kubernetes", "failed", sentence(error));
      return sentence(error);
    }
    if (error.done.length > 0) progress.upgraded(past(hop, error.done, snapshot));
    const parts = [
      sentence(error),
      error.done.length > 0 ? `done: ${error.done.join(", ")}` : "no other node was rebooted",
      ...(error.left.length > 0 ? [`not done: ${error.left.join(", ")}`] : []),
    ];
    return parts.join("; ");
  }
}

function past(hop: ReleaseHop, nodes: readonly string[], snapshot: string | undefined): PastUpgrade {
  const { axis, from, to } = hop;
  return {
    axis,
    from,
    to,
    nodes: [...nodes].sort(),
    etcdFormat: hop.axis === "talos" && hop.etcdFormat,
    ...(snapshot !== undefined && { snapshot }),
    at: new Date().toISOString(),
  };
}

/** What runs on every node, as the machines and their kubelets say. */
async function runningVersions(cluster: Cluster): Promise<Readonly<Record<string, RouteNode>>> {
  cluster.context.log.progress(`reads what runs on ${cluster.keys.length} nodes`);
  const { talos, signal } = cluster;
  const kubelets = await cluster.wait("every node is registered", cluster.readySeconds, async () => {
    const nodes = await cluster.kubernetes.nodes(signal);
    const found = new Map(nodes.map(({ name, kubelet }) => [name, kubelet]));
    const absent = cluster.keys.filter((key) => !found.get(cluster.node(key).hostname));
    return absent.length === 0 ? { done: found } : { missing: `no kubelet of ${absent.join(", ")} has registered` };
  });
  const entries = await eachBounded(cluster.keys, PARALLEL, async (key) => {
    const node = cluster.node(key);
    const version = await cluster.wait(`${key} answers`, cluster.readySeconds, async () => ({
      done: await talos.version(node.address, signal),
    }));
    const schematic = await talos.schematic(node.address, signal);
    const from: Versions = {
      talos: version,
      kubernetes: kubelets.get(node.hostname) ?? node.kubernetes,
      ...(schematic !== undefined && { schematic }),
    };
    return [key, { from, wanted: node }] as const;
  });
  return Object.fromEntries(entries);
}

/** Steps that an earlier run made and could not tell of, because it was killed. */
async function recordUnseen(
  cluster: Cluster,
  progress: Progress,
  nodes: Readonly<Record<string, RouteNode>>,
): Promise<void> {
  const made = new Map<string, string[]>();
  for (const [key, { from }] of Object.entries(nodes)) {
    const record = progress.running[key];
    if (record === undefined) continue;
    if (record.talos !== from.talos) {
      const step = `${record.talos} ${from.talos}`;
      made.set(step, [...(made.get(step) ?? []), key]);
    }
    progress.running[key] = { ...record, ...from };
  }
  for (const [step, keys] of made) {
    const [from = "", to = ""] = step.split(" ");
    const etcdFormat = changesEtcdFormat(from, to);
    const snapshot = await earlierSnapshot(cluster, { axis: "talos", from }, progress);
    progress.upgraded({
      ...{ axis: "talos", from, to, nodes: keys.sort(), etcdFormat, at: new Date().toISOString() },
      ...(snapshot !== undefined && { snapshot }),
    });
  }
}
