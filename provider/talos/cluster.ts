/** One cluster during one call: what is declared, how it is reached, and for how long it is waited for. */
import type { ClusterReleaseInputs, NodeRelease } from "../../components/talos/ClusterRelease";
import type { Act } from "../audit";
import type { Drivers, Snapshots } from "../drivers";
import type { Endpoint } from "../kubernetes/endpoint";
import type { Kubernetes } from "../kubernetes/kubernetes";
import type { Holding } from "../kubernetes/lease";
import type { Context } from "../resource";
import { reaching } from "../talosctl/reach";
import { type Talos, TalosError } from "../talosctl/talos";
import { durationSeconds, type Look, waitFor } from "../wait";
import { Diagnosed } from "./diagnosed";

/** Nodes that are asked at the same time: each question is a process. */
export const PARALLEL = 8;

export class Cluster {
  /** Addresses of machines that had their configuration: one that waits for it again was wiped, and waiting is in vain. */
  readonly installed = new Set<string>();
  readonly talos: Talos;
  readonly kubernetes: Kubernetes;
  readonly endpoint: Endpoint;
  readonly snapshots: Snapshots;

  constructor(
    readonly inputs: ClusterReleaseInputs,
    readonly context: Context,
    private readonly drivers: Drivers,
    /** The lease under which it is changed. @default - none is held, nothing is changed */
    readonly holding?: Holding,
  ) {
    const reach = Object.values(inputs.nodes).flatMap(({ address, reach: at }) =>
      at === undefined ? [] : [[address, at] as const],
    );
    this.talos = reaching(drivers.talos(inputs.clientConfiguration, context.redact), new Map(reach));
    this.kubernetes = drivers.kubernetes(inputs.kubeconfig);
    this.endpoint = drivers.endpoint;
    this.snapshots = drivers.snapshots;
  }

  /** The same cluster under its lease. */
  under(holding: Holding): Cluster {
    return new Cluster(this.inputs, this.context, this.drivers, holding);
  }

  /** Aborted with the call, and when the lease is lost. */
  get signal(): AbortSignal {
    return this.holding?.signal ?? this.context.signal;
  }

  /** Longest wait for etcd, in seconds. */
  get etcdSeconds(): number {
    return durationSeconds(this.inputs.timeouts?.etcd ?? "5m") ?? 300;
  }

  /** Longest wait for a node to answer or to be Ready, in seconds. */
  get readySeconds(): number {
    return durationSeconds(this.inputs.timeouts?.ready ?? "10m") ?? 600;
  }

  /** Longest wait for a node that boots another image, in seconds. */
  get upgradeSeconds(): number {
    return durationSeconds(this.inputs.timeouts?.upgrade ?? "20m") ?? 1200;
  }

  /** Longest wait for a node's pods to go, in seconds. */
  get drainSeconds(): number {
    return durationSeconds(this.inputs.timeouts?.drain ?? "5m") ?? 300;
  }

  get keys(): readonly string[] {
    return Object.keys(this.inputs.nodes).sort();
  }

  get controlPlanes(): readonly string[] {
    return this.keys.filter((key) => this.node(key).type === "controlplane");
  }

  node(key: string): NodeRelease {
    const node = this.inputs.nodes[key];
    if (node === undefined) throw new Error(`there is no node ${key}`);
    return node;
  }

  /**
   * Records a privileged act on a node, or on the whole cluster: on this host, then as an Event in the cluster. Nothing is
   * done without it, so it is also where a lost lease stops the next step.
   */
  async audit(act: Act["act"], key: string | undefined, detail: string): Promise<void> {
    await this.holding?.confirm();
    const { clusterName } = this.inputs;
    const record = { act, target: key === undefined ? clusterName : `${clusterName}/${key}`, detail };
    await this.context.audit(record);
    try {
      await this.kubernetes.event({ ...record, detail: this.context.redact(detail) });
    } catch {
      // The API may be what is broken; the record on this host is the one that must exist.
    }
  }

  /** Waits for a condition; a node or an API that does not answer yet counts as "not yet". */
  wait<T>(what: string, seconds: number, look: () => Promise<Look<T>>): Promise<T> {
    const { signal } = this;
    const { progress } = this.context.log;
    let refusals = 0;
    return waitFor({ what, seconds, intervalMs: this.drivers.pollMs, signal, progress }, async () => {
      try {
        return await look();
      } catch (error) {
        if (signal.aborted || isFinal(error)) throw error;
        // Seen twice: a machine that just takes its configuration looks the same for a moment.
        if (this.isWiped(error) && ++refusals > 1) throw this.wiped(error.node);
        return { missing: error instanceof Error ? error.message : String(error) };
      }
    });
  }

  private isWiped(error: unknown): error is TalosError {
    return error instanceof TalosError && error.kind === "maintenance" && this.installed.has(error.node);
  }

  private wiped(address: string): TalosError {
    const key = this.keys.find((each) => this.node(each).address === address) ?? address;
    return new TalosError("wiped", address, `${key} ${wipedSentence(key, this.inputs.nodes[key]?.generation)}`);
  }
}

/** What a machine is told about that ran and now has no configuration, and what a person can do. */
export function wipedSentence(key: string, generation = 1): string {
  const next = generation + 1;
  return `waits in maintenance mode although it ran before: it was wiped, or another machine stands there; to install it again raise its generation to ${next} (plinth renew <stack file> ${key}) and run the update again`;
}

/** Waiting does not help against what has been diagnosed, a wiped machine, a machine of another cluster, a refused content or a missing tool. */
function isFinal(error: unknown): boolean {
  if (error instanceof Diagnosed) return true;
  return error instanceof TalosError && ["wiped", "foreign", "invalid", "tool"].includes(error.kind);
}
