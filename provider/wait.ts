/** Bounded waiting: every wait has an end, an interval, progress, and stops at once when the signal is aborted. */

/** The wait ended without the condition; `cause` says what was seen last. */
export class WaitTimeout extends Error {
  constructor(
    readonly what: string,
    readonly seconds: number,
    readonly last: string,
  ) {
    super(`${what}: not within ${seconds} s; last seen: ${last}`);
    this.name = "WaitTimeout";
  }
}

/** Throws the signal's reason if it is aborted. To be called between two steps. */
export function checkpoint(signal: AbortSignal): void {
  signal.throwIfAborted();
}

/** Sleeps, unless the signal is aborted: then it throws its reason at once. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  checkpoint(signal);
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** What one look found: done with a value, or a sentence about what is still missing. */
export type Look<T> = { readonly done: T } | { readonly missing: string };

export interface WaitOptions {
  /** Names the wait in progress and in the time-out, as `cp-1: etcd healthy`. */
  readonly what: string;
  readonly seconds: number;
  readonly intervalMs?: number;
  readonly signal: AbortSignal;
  readonly progress?: (message: string) => void;
}

/** Looks again and again until done or out of time. `look` throws to give up at once. */
export async function waitFor<T>(options: WaitOptions, look: () => Promise<Look<T>>): Promise<T> {
  const end = Date.now() + options.seconds * 1000;
  let last = "nothing yet";
  for (;;) {
    checkpoint(options.signal);
    const seen = await look();
    if ("done" in seen) return seen.done;
    if (seen.missing !== last) options.progress?.(`${options.what}: ${seen.missing}`);
    last = seen.missing;
    if (Date.now() >= end) throw new WaitTimeout(options.what, options.seconds, last);
    await sleep(Math.min(options.intervalMs ?? 1000, Math.max(1, end - Date.now())), options.signal);
  }
}

/** Maps with at most `limit` at a time, in order of the input; the first error stops the rest from starting. */
export async function eachBounded<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failed) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}

/** Seconds of a Go duration such as `30s`, `5m`, `1h30m`; `undefined` if it is none. */
export function durationSeconds(text: string): number | undefined {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (match === null || text === "") return undefined;
  const [hours = "0", minutes = "0", seconds = "0"] = match.slice(1);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}
