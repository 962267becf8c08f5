/** Installs the machine that now stands under a key, after the one that stood there before is forgotten. */
import { sentence } from "../../host/failure";
import { TalosError } from "../../talosctl/talos";
import { checkpoint } from "../../wait";
import type { Cluster } from "../cluster";
import { dropMember, etcdGate } from "../gate";
import { patchesOf, roleConfiguration } from "../plan";
import type { Progress } from "../progress";
import { forgetNode, wipe } from "../reset";
import { generationOf } from "./generation";

/** Word in `allow` that permits to wipe a machine that still runs. */
const REINSTALL = "reinstall";
/** Looks in a row that must find nothing before a machine counts as dead. */
const LOOKS = 3;

/** One node after the other. What was installed is left to the survey, which takes note of it as of any new node. */
export async function renew(cluster: Cluster, keys: readonly string[], progress: Progress): Promise<void> {
  for (const key of keys) {
    checkpoint(cluster.signal);
    cluster.context.log.progress(`${key} is installed anew`);
    try {
      progress.note(key, "renew", "done", await renewNode(cluster, key, progress));
    } catch (error) {
      progress.note(key, "renew", "failed", cluster.context.redact(sentence(error)));
      throw new Error(`${key} is not installed anew: ${sentence(error)}; run the update again to go on`);
    }
    delete progress.running[key];
    delete progress.replaced[key];
  }
}

async function renewNode(cluster: Cluster, key: string, progress: Progress): Promise<string> {
  const { talos, signal } = cluster;
  const node = cluster.node(key);
  const { address, type, hostname } = node;
  cluster.installed.delete(address);
  const leaving = Object.values(progress.leaving).map((each) => each.address);
  const found = await standing(cluster, key);
  if (found !== "renewed") {
    const beside = await besides(cluster, key, progress.replaced[key] ?? []);
    if (found === "runs" || beside.length > 0) mayBeWiped(cluster);
    const through = cluster.controlPlanes
      .filter((other) => other !== key)
      .map((other) => cluster.node(other).address)[0];
    if (type === "controlplane") {
      if (through === undefined) throw new Error(ONLY_COPY);
      await etcdGate(cluster, `without ${key}`, { without: key, leaving });
    }
    if (found === "runs") await wipe(cluster, key, node, true);
    // Called elsewhere than its successor, and at the same address in the site's network: only one of them may have it.
    for (const at of beside) await wipe(cluster, key, { address: at }, true);
    // Its successor has the same address: etcd takes no second member of it, and its Node would carry old taints.
    if (type === "controlplane" && through !== undefined) await dropMember(cluster, through, address, key);
    await forgetNode(cluster, hostname);
    await install(cluster, key);
  }
  // One that went to install and waits again lost its power on the way: its disk is as empty as before.
  let went = false;
  await cluster.wait(`${key} answers with its configuration`, cluster.readySeconds, async () => {
    try {
      const runs = generationOf(await talos.configuration(address, signal));
      return runs >= (node.generation ?? 1) ? { done: runs } : { missing: "it runs an older one" };
    } catch (error) {
      const kind = error instanceof TalosError ? error.kind : undefined;
      if (kind === "maintenance" && went) await install(cluster, key);
      went = kind === "unreachable";
      throw error;
    }
  });
  cluster.installed.add(address);
  if (type === "controlplane") await etcdGate(cluster, `with the new ${key}`, { leaving });
  return found === "renewed" ? "was installed by an earlier run" : `installed as generation ${node.generation ?? 1}`;
}

const ONLY_COPY =
  "it is the only control plane, and its disk held the only copy of etcd: restore a snapshot, or destroy the site and make it anew";

/** What stands at the node's address: an empty machine, the one that was before, or one that is installed already. */
async function standing(cluster: Cluster, key: string): Promise<"empty" | "runs" | "renewed"> {
  const { talos, signal } = cluster;
  const { address, generation = 1 } = cluster.node(key);
  return cluster.wait(`${key} waits in maintenance mode`, cluster.readySeconds, async () => {
    try {
      const runs = generationOf(await talos.configuration(address, signal));
      return { done: runs >= generation ? ("renewed" as const) : ("runs" as const) };
    } catch (error) {
      if (error instanceof TalosError && error.kind === "maintenance") return { done: "empty" as const };
      if (error instanceof TalosError && error.kind === "unreachable") {
        return { missing: `it does not answer: boot it from a Talos image at ${address}` };
      }
      throw error;
    }
  });
}

function mayBeWiped({ inputs }: Cluster): void {
  if (inputs.allow?.includes(REINSTALL) === true) return;
  throw new Error(
    `it still runs, and what is on its disks would be lost: allow ${REINSTALL} (talos.allow) for this one update, or set its generation back if no other machine was rented for it`,
  );
}

/** Of the machines that stood there before and are called elsewhere than the new one, those that still run. */
async function besides(cluster: Cluster, key: string, addresses: readonly string[]): Promise<readonly string[]> {
  const { talos, signal, context } = cluster;
  const running: string[] = [];
  for (const at of addresses) {
    let looks = 0;
    const runs = await cluster.wait(`${key} as it was, at ${at}`, cluster.readySeconds, async () => {
      try {
        await talos.configuration(at, signal);
        return { done: true };
      } catch (error) {
        if (error instanceof TalosError && error.kind === "maintenance") return { done: false };
        signal.throwIfAborted();
        if (++looks < LOOKS) return { missing: sentence(error) };
        context.log.warn(
          `${key} as it was (${at}) does not answer and was not wiped: switch it off if it runs, two machines would have one address`,
        );
        return { done: false };
      }
    });
    if (runs) running.push(at);
  }
  return running;
}

async function install(cluster: Cluster, key: string): Promise<void> {
  const { talos, signal, inputs } = cluster;
  const node = cluster.node(key);
  const wanted = await talos.render(roleConfiguration(inputs, node), patchesOf(inputs, key), signal);
  if (generationOf(wanted) < (node.generation ?? 1)) {
    throw new Error(`its patches do not carry its generation: use TalosCluster, or annotate the Node yourself`);
  }
  await cluster.audit("configure", key, `installs the machine at ${node.address} as generation ${node.generation}`);
  await talos.applyFirst(node.address, wanted);
}
