import { findByArguments, type ProcessId, signal } from "../process";

const LOOK_MS = 1000;
/** How long an engine may take, in milliseconds. */
const BOUNDS = {
  /** From being told to end at once until it is killed: it writes down where it stopped. */
  kill: 8000,
  /** From the end of its last process until its host has noticed. */
  notice: 10_000,
};

/**
 * The outcome of an engine's `work`, or an error when there is none to come: an engine that was killed may leave its host
 * waiting for words that nobody will say. Told `now`, the engine ends at once, and is killed if it does not.
 */
export async function watched<T>(
  binary: string,
  now: AbortSignal | undefined,
  work: Promise<T>,
  bounds = BOUNDS,
  lookMs = LOOK_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const lost = new Promise<never>((_, reject) => {
    let [seen, goneSince, toldAt] = [false, 0, 0];
    timer = setInterval(() => {
      const engines = findByArguments((args) => args.includes(binary));
      if (engines.length > 0) [seen, goneSince] = [true, 0];
      else if (seen && goneSince === 0) goneSince = Date.now();
      if (now?.aborted && engines.length > 0) toldAt = insist(engines, toldAt, bounds.kill);
      if (goneSince > 0 && Date.now() - goneSince > bounds.notice) reject(new Error("the engine was killed"));
    }, lookMs);
  });
  try {
    return await Promise.race([work, lost]);
  } finally {
    clearInterval(timer);
    // Whoever lost the race has nobody left to tell.
    for (const either of [work, lost]) either.catch(() => undefined);
  }
}

/** Interrupts engines once, later kills them; returns when they were interrupted. */
function insist(engines: readonly ProcessId[], toldAt: number, killMs: number): number {
  const name = toldAt === 0 ? "SIGINT" : Date.now() - toldAt > killMs ? "SIGKILL" : undefined;
  if (name !== undefined) for (const engine of engines) signal(engine, name);
  return toldAt === 0 ? Date.now() : toldAt;
}
