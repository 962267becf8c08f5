/** Sends machines back to maintenance mode. Doing it twice does no harm: a machine that is there already is left. */
import type { NodeRelease } from "../../components/talos/ClusterRelease";
import { TalosError } from "../talosctl/talos";
import { checkpoint } from "../wait";
import type { Cluster } from "./cluster";

/** Longest wait for a machine that wipes and reboots, in seconds. */
const WIPE = 900;
/** Looks that find a machine running before its reset counts as failed: it may take a while to begin. */
const BEGIN = 15;

/** One node; `graceful` leaves etcd first, which the last control plane cannot. */
export async function resetNode(cluster: Cluster, key: string, graceful: boolean): Promise<void> {
  const node = cluster.node(key);
  try {
    await wipe(cluster, key, node, graceful);
  } catch (error) {
    const dead = graceful && error instanceof TalosError && error.kind === "unreachable" && node.type === "worker";
    if (!dead) throw error;
    // A dead worker holds no part of etcd: the cluster can do without its farewell.
    cluster.context.log.warn(`${key} does not answer and was not wiped: wipe its disks before it is used again`);
  }
  await forgetNode(cluster, node.hostname);
}

/** Wipes a machine, unless it is in maintenance mode already, and waits until it is there. */
export async function wipe(
  cluster: Cluster,
  key: string,
  { address }: Pick<NodeRelease, "address">,
  graceful: boolean,
): Promise<void> {
  const { talos, signal } = cluster;
  checkpoint(signal);
  if (!(await talos.inMaintenance(address, signal))) {
    let stopped = await reset(cluster, key, address, graceful);
    // Without its etcd there is no member any more that could say farewell.
    if (!stopped && graceful && (await talos.etcdState(address, signal)) !== "Running") {
      stopped = await reset(cluster, key, address, false);
    }
    if (!stopped) {
      const why = `its reset failed and it runs on: talosctl -n ${address} dmesg says why`;
      throw new TalosError("other", address, why);
    }
  }
  cluster.context.log.progress(`${key} is wiped`);
}

/** Returns whether the machine did as it was told; if not, it runs on as before. */
async function reset(cluster: Cluster, key: string, address: string, graceful: boolean): Promise<boolean> {
  const { talos, signal } = cluster;
  const how = graceful ? "leaves the cluster, wipes state and data" : "wipes state and data without leaving etcd";
  await cluster.audit("reset", key, how);
  await talos.reset(address, { graceful });
  let ran = 0;
  return cluster.wait(`${key} is back in maintenance mode`, WIPE, async () => {
    if (await talos.inMaintenance(address, signal)) return { done: true };
    if ((await isRunning(cluster, address)) && ++ran > BEGIN) return { done: false };
    return { missing: "it wipes and reboots" };
  });
}

/** Whether a machine runs as if nothing had been asked of it; one that does not answer is at work. */
async function isRunning({ talos, signal }: Cluster, address: string): Promise<boolean> {
  try {
    return (await talos.stage(address, signal)) === "running";
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/** The Node object would stay NotReady for ever; when the API went with the cluster there is nothing to tidy. */
export async function forgetNode(cluster: Cluster, hostname: string): Promise<void> {
  try {
    await cluster.kubernetes.deleteNode(hostname);
  } catch {
    cluster.signal.throwIfAborted();
  }
}

/** All machines: workers, then control planes, etcd's last member without a farewell. */
export async function resetCluster(cluster: Cluster): Promise<void> {
  const workers = cluster.keys.filter((key) => cluster.node(key).type === "worker");
  for (const key of workers) await resetNode(cluster, key, true);
  const left = [];
  for (const key of cluster.controlPlanes) {
    if (await cluster.talos.inMaintenance(cluster.node(key).address, cluster.signal)) {
      await resetNode(cluster, key, false);
    } else left.push(key);
  }
  for (const [place, key] of left.entries()) {
    const last = place === left.length - 1;
    try {
      await resetNode(cluster, key, !last);
    } catch (error) {
      const refused = error instanceof TalosError && error.kind !== "unreachable";
      if (last || !refused) throw error;
      // A member that cannot leave (etcd has lost its quorum) would keep the rest from ever being wiped.
      cluster.context.log.warn(`${key} could not leave etcd (${error.message}); wiped without leaving`);
      await resetNode(cluster, key, false);
    }
  }
}
