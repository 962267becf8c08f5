/** A lease in the cluster itself, against a second run from another host. */
import { LeaseHeld } from "../lease";
import { bootId, startTime } from "../process";
import { whoAmI } from "../user";
import type { Kubernetes } from "./kubernetes";

const SECONDS = 60;
const RENEW_MS = 15_000;

/**
 * Holds the Lease `name` while `work` runs and renews it. If the API does not answer there is nothing to hold: the
 * lease on this host has to do, and `onAbsent` hears why. Losing the lease to somebody else aborts the signal of `work`.
 */
export async function withClusterLease<T>(
  kubernetes: Kubernetes,
  name: string,
  signal: AbortSignal,
  onAbsent: (reason: string) => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { user, host } = whoAmI();
  const me = `${user}@${host} pid ${process.pid} boot ${bootId()}`;
  const held = await take(kubernetes, name, me, onAbsent);
  if (!held) return work(signal);
  const lost = new AbortController();
  const timer = setInterval(() => void renew(kubernetes, name, me, lost), RENEW_MS);
  timer.unref();
  try {
    return await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    clearInterval(timer);
    await letGo(kubernetes, name, me);
  }
}

async function take(
  kubernetes: Kubernetes,
  name: string,
  me: string,
  onAbsent: (reason: string) => void,
): Promise<boolean> {
  try {
    const seen = await kubernetes.lease(name);
    const expired = seen === undefined || seen.holder === "" || seen.renewed + seen.seconds * 1000 < Date.now();
    if (!expired && seen.holder !== me && !abandoned(seen.holder)) throw new LeaseHeld(name, seen.holder);
    if (await kubernetes.writeLease(name, me, SECONDS, seen)) return true;
    throw new LeaseHeld(name, (await kubernetes.lease(name))?.holder ?? "another run");
  } catch (error) {
    if (error instanceof LeaseHeld) throw error;
    onAbsent(error instanceof Error ? error.message : String(error));
    return false;
  }
}

/** A holder of this very boot of this host whose process is gone: it was killed and cannot let go any more. */
function abandoned(holder: string): boolean {
  const [, pid, boot] = / pid (\d+) boot (\S+)$/.exec(holder) ?? [];
  return boot !== undefined && boot === bootId() && startTime(Number(pid)) === undefined;
}

/** An API that is away for a while (its control plane may be what changes) is no reason to stop. */
async function renew(kubernetes: Kubernetes, name: string, me: string, lost: AbortController): Promise<void> {
  try {
    const seen = await kubernetes.lease(name);
    if (seen !== undefined && seen.holder !== me && seen.holder !== "") lost.abort(new LeaseHeld(name, seen.holder));
    else await kubernetes.writeLease(name, me, SECONDS, seen);
  } catch {
    // Tried again at the next tick; the lease lasts longer than three of them.
  }
}

/** Not deleted but emptied: its version keeps growing, so an old write can never win. */
async function letGo(kubernetes: Kubernetes, name: string, me: string): Promise<void> {
  try {
    const seen = await kubernetes.lease(name);
    if (seen?.holder === me) await kubernetes.writeLease(name, "", 1, seen);
  } catch {
    // It expires by itself.
  }
}
