/** A lease in the cluster itself, against a second run from another host. */
import { LeaseHeld } from "../lease";
import { bootId, startTime } from "../process";
import { whoAmI } from "../user";
import type { Kubernetes, KubernetesLease } from "./kubernetes";

const SECONDS = 60;
const RENEW_MS = 15_000;

/** The lease as the work under it sees it. */
export interface Holding {
  /** Aborted with the call, and when somebody else has the lease. */
  readonly signal: AbortSignal;
  /**
   * To be called before each step that changes something: a process that was stopped for a while, or whose API was away,
   * may have lost the lease without having heard of it. @throws LeaseHeld
   */
  confirm(): Promise<void>;
}

/**
 * Holds the Lease `name` while `work` runs and renews it. While the API does not answer there is nothing to hold: the
 * lease on this host has to do, `onAbsent` hears why, and it is taken as soon as the API is back. Losing it to somebody
 * else aborts the signal of `work`.
 */
export async function withClusterLease<T>(
  kubernetes: Kubernetes,
  name: string,
  signal: AbortSignal,
  onAbsent: (reason: string) => void,
  work: (holding: Holding) => Promise<T>,
): Promise<T> {
  const { user, host } = whoAmI();
  const lease = new ClusterLease(kubernetes, name, `${user}@${host} pid ${process.pid} boot ${bootId()}`);
  await lease.ask(onAbsent);
  const timer = setInterval(() => void lease.ask().catch(() => undefined), RENEW_MS);
  timer.unref();
  try {
    return await work({ signal: AbortSignal.any([signal, lease.lost]), confirm: () => lease.confirm() });
  } finally {
    clearInterval(timer);
    await lease.letGo();
  }
}

class ClusterLease {
  private readonly loss = new AbortController();
  /** When it was written for us last; `undefined` until it is. */
  private written: number | undefined;

  constructor(
    private readonly kubernetes: Kubernetes,
    private readonly name: string,
    private readonly me: string,
  ) {}

  get lost(): AbortSignal {
    return this.loss.signal;
  }

  async confirm(): Promise<void> {
    this.lost.throwIfAborted();
    if (this.written === undefined || Date.now() - this.written > 2 * RENEW_MS) await this.ask();
  }

  /** Takes or renews it. An API that is away for a while (its control plane may be what changes) is no reason to stop. */
  async ask(onAbsent: (reason: string) => void = () => undefined): Promise<void> {
    try {
      await this.write();
    } catch (error) {
      if (!(error instanceof LeaseHeld)) return onAbsent(error instanceof Error ? error.message : String(error));
      this.loss.abort(error);
      throw error;
    }
  }

  private async write(): Promise<void> {
    const seen = await this.kubernetes.lease(this.name);
    if (seen !== undefined && !this.isFree(seen)) throw this.heldBy(seen.holder);
    if (!(await this.kubernetes.writeLease(this.name, this.me, SECONDS, seen))) {
      // Written since it was seen: by the other renewal of this very process, or by somebody else.
      const winner = (await this.kubernetes.lease(this.name))?.holder ?? "";
      if (winner !== this.me) throw this.heldBy(winner);
    }
    this.written = Date.now();
  }

  /** One that was ours stays ours until somebody takes it, and then also when that one has let it go again. */
  private isFree({ holder, renewed, seconds }: KubernetesLease): boolean {
    if (holder === this.me) return true;
    if (this.written !== undefined) return false;
    return holder === "" || renewed + seconds * 1000 < Date.now() || abandoned(holder);
  }

  private heldBy(holder: string): LeaseHeld {
    if (holder !== "") return new LeaseHeld(this.name, holder);
    return new LeaseHeld(this.name, "another run, which has ended since", "run again");
  }

  /** Not deleted but emptied: its version keeps growing, so an old write can never win. */
  async letGo(): Promise<void> {
    if (this.written === undefined) return;
    try {
      const seen = await this.kubernetes.lease(this.name);
      if (seen?.holder === this.me) await this.kubernetes.writeLease(this.name, "", 1, seen);
    } catch {
      // It expires by itself.
    }
  }
}

/** A holder of this very boot of this host whose process is gone: it was killed and cannot let go any more. */
function abandoned(holder: string): boolean {
  const [, pid, boot] = / pid (\d+) boot (\S+)$/.exec(holder) ?? [];
  return boot !== undefined && boot === bootId() && startTime(Number(pid)) === undefined;
}
