/**
 * One step of the cluster's nodes to another Talos: the image onto all of them first, then control planes one at a time
 * with etcd's leader last, then workers by failure domain. Stops at the first node that fails.
 */
import { sentence } from "../../host/failure";
import { checkpoint, eachBounded } from "../../wait";
import { type Cluster, PARALLEL } from "../cluster";
import { etcdGate } from "../gate";
import { leaderLast, leaderOf, workerWaves } from "../plan";
import type { Progress } from "../progress";
import { turn } from "../turn";
import { fingerprint } from "../yaml";
import { actions, revertedBefore, STEPS } from "./actions";
import { Halt } from "./halt";
import type { TalosHop } from "./route";
import { beginVisit, type Visit } from "./visit";

/** Workers that load an image at the same time. */
const INSTALLS = 4;

export async function changeTalos(cluster: Cluster, hop: TalosHop, progress: Progress): Promise<void> {
  const wave = new Wave(cluster, hop, progress);
  const planes = hop.nodes.filter((key) => cluster.node(key).type === "controlplane");
  const workers = hop.nodes.filter((key) => cluster.node(key).type === "worker");
  const leader = planes.length === 0 ? undefined : leaderOf(await etcdGate(cluster, "before the upgrade"));
  await eachBounded(hop.nodes, PARALLEL, (key) => wave.begin(key));
  // One control plane at a time: an installation fills the disk that etcd writes to.
  await wave.each(planes, 1, (visit) => wave.step(visit, "install"));
  await wave.each(workers, INSTALLS, (visit) => wave.step(visit, "install"));

  const changePlanes = async (): Promise<void> =>
    wave.each(leaderLast(planes, leader), 1, (visit) => wave.change(visit));
  const changeWorkers = async (): Promise<void> => {
    const atOnce = cluster.inputs.upgrade?.workersAtOnce ?? 1;
    for (const keys of workerWaves(cluster.inputs, workers, atOnce)) {
      await wave.each(keys, keys.length, (visit) => wave.change(visit));
    }
  };
  if (cluster.inputs.upgrade?.together === true) await Promise.all([changePlanes(), changeWorkers()]);
  else {
    await changePlanes();
    await changeWorkers();
  }
  wave.end();
}

/** The nodes of one hop on their way. The first failure keeps every step from beginning that has not begun. */
class Wave {
  private readonly visits = new Map<string, Visit>();
  private readonly failed = new Map<string, unknown>();
  private readonly done: string[] = [];

  constructor(
    private readonly cluster: Cluster,
    private readonly hop: TalosHop,
    private readonly progress: Progress,
  ) {}

  async begin(key: string): Promise<void> {
    await this.guarded(key, async () => {
      const visit = await beginVisit(this.cluster, this.hop, key);
      this.visits.set(key, visit);
      await revertedBefore(visit);
    });
  }

  /** The work of several nodes, at most `atOnce` at a time. A failure lets those at work end, and begins no other. */
  async each(keys: readonly string[], atOnce: number, work: (visit: Visit) => Promise<void>): Promise<void> {
    await eachBounded(keys, atOnce, async (key) => {
      const visit = this.visits.get(key);
      if (visit !== undefined && this.failed.size === 0) await this.guarded(key, () => work(visit));
    });
  }

  async change(visit: Visit): Promise<void> {
    const { key } = visit;
    const place = this.hop.nodes.length - this.done.length;
    this.cluster.context.log.progress(`${key}: Talos ${this.hop.to} (${place} of ${this.hop.nodes.length} left)`);
    for (const name of STEPS[this.cluster.node(key).type]) await this.step(visit, name);
    await this.seen(visit);
    this.done.push(key);
  }

  async step(visit: Visit, name: keyof typeof actions): Promise<void> {
    checkpoint(this.cluster.signal);
    try {
      const detail = await turn(this.cluster, visit.key, name, () => actions[name](visit));
      if (detail !== undefined) this.progress.note(visit.key, name, "done", detail);
    } catch (error) {
      this.progress.note(visit.key, name, "failed", this.cluster.context.redact(sentence(error)));
      throw error;
    }
  }

  /** @throws Halt when a node failed */
  end(): void {
    if (this.failed.size === 0) return;
    const left = this.hop.nodes.filter((key) => !this.done.includes(key) && !this.failed.has(key));
    throw new Halt(this.failed, this.done, left);
  }

  private async guarded(key: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failed.set(key, error);
    }
  }

  /** What runs on the node from now on; its configuration is the one it had, but for the image. */
  private async seen({ key }: Visit): Promise<void> {
    const { talos, signal } = this.cluster;
    const { address } = this.cluster.node(key);
    const record = this.progress.running[key];
    if (record === undefined) return;
    const schematic = await talos.schematic(address, signal);
    const runs = fingerprint(await talos.configuration(address, signal));
    this.progress.running[key] = {
      ...record,
      talos: this.hop.to,
      ...(schematic !== undefined && { schematic }),
      confirmed: runs,
      running: runs,
    };
  }
}
