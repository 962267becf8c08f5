/** Takes the pods off a node before it reboots, as `kubectl drain` does, and lets them back on afterwards. */
import type { KubernetesPod } from "../../kubernetes/kubernetes";
import { WaitTimeout } from "../../wait";
import type { Cluster } from "../cluster";
import { Diagnosed } from "../diagnosed";
import { kubernetesNode, type Visit } from "./visit";

/** Pods named in a message; the rest is counted. */
const NAMED = 5;
const LIFT_MS = 10_000;

/** Cordons the node unless somebody else has, evicts its pods within their disruption budgets, waits until they are gone. */
export async function drain(visit: Pick<Visit, "cluster" | "key">): Promise<string> {
  const { cluster, key } = visit;
  if (cluster.keys.length === 1) return "nothing: its pods have nowhere else to go";
  const node = await kubernetesNode(visit);
  if (node === undefined) return "nothing: it is not registered";
  if (!node.unschedulable) {
    await cluster.audit("upgrade", key, "cordons the node and evicts its pods");
    await patiently(cluster, `${key} is cordoned`, () =>
      cluster.kubernetes.setMark(node.name, { ...node.mark, cordoned: true }, true),
    );
  }
  return emptied(cluster, key, node.name);
}

async function emptied(cluster: Cluster, key: string, name: string): Promise<string> {
  const { kubernetes, signal } = cluster;
  const gone = new Set<string>();
  let held: readonly (readonly [KubernetesPod, string])[] = [];
  try {
    return await cluster.wait(`${key} is drained`, cluster.drainSeconds, async () => {
      const pods = await kubernetes.evictable(name, signal);
      const answers = await Promise.all(
        pods.map(async (pod) => [pod, (await kubernetes.evict(pod)) ?? "it is ending"] as const),
      );
      for (const { uid } of pods) gone.add(uid);
      held = answers;
      return pods.length === 0 ? { done: `${gone.size} pods evicted` } : { missing: listed(held) };
    });
  } catch (error) {
    if (!(error instanceof WaitTimeout) || held.length === 0) throw error;
    throw new Diagnosed({
      diagnosis: "drain-blocked",
      what: `its pods do not go within ${error.seconds} s: ${listed(held)}`,
      todo: "give their budget room (more replicas, another maxUnavailable) or delete them, then run again",
    });
  }
}

function listed(held: readonly (readonly [KubernetesPod, string])[]): string {
  const named = held.slice(0, NAMED).map(([{ namespace, name }, why]) => `${namespace}/${name} (${why})`);
  return [...named, ...(held.length > NAMED ? [`and ${held.length - NAMED} more`] : [])].join(", ");
}

/** Lifts the cordon if it is plinth's own, and takes its mark away. */
export async function uncordon(visit: Pick<Visit, "cluster" | "key">): Promise<string> {
  const { cluster, key } = visit;
  const node = await kubernetesNode(visit);
  if (node?.mark === undefined) return "nothing: it was not cordoned by plinth";
  const { cordoned } = node.mark;
  await patiently(cluster, `${key} is uncordoned`, () =>
    cordoned
      ? cluster.kubernetes.setMark(node.name, undefined, false)
      : cluster.kubernetes.setMark(node.name, undefined),
  );
  return cordoned ? "takes pods again" : "stays cordoned, as somebody else left it";
}

/**
 * Whatever happened, a cancel too: no node keeps a cordon of plinth's when nobody works on it any more. What it had
 * installed stays noted. Somebody else who holds the lease now lifts cordons of his own.
 */
export async function liftCordons(cluster: Cluster): Promise<void> {
  try {
    await cluster.holding?.confirm();
    for (const { name, mark } of await cluster.kubernetes.nodes(AbortSignal.timeout(LIFT_MS))) {
      if (mark?.cordoned !== true) continue;
      const { installed } = mark;
      const left = installed === undefined ? undefined : { cordoned: false, installed };
      await cluster.kubernetes.setMark(name, left, false);
      cluster.context.log.info(`${name} takes pods again`);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    cluster.context.log.warn(`nodes that plinth cordoned may still be cordoned (${why}); the next run lifts that`);
  }
}

/** A write that is repeated while the API is away: its control plane may be what reboots. */
export async function patiently(cluster: Cluster, what: string, write: () => Promise<void>): Promise<void> {
  await cluster.wait(what, cluster.readySeconds, async () => {
    await write();
    return { done: true };
  });
}
