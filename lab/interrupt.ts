import type { Ticker } from "./ticker";

/** How long work may take to end, in milliseconds. */
const BOUNDS = {
  /** Asked politely: longer than the longest single call that changes a machine. */
  patience: 90_000,
  /** Told to end at once. */
  force: 20_000,
};

/** How somebody who watches wants work to end. */
export interface Interruption {
  /** After what is in progress. Its reason is the signal's name. */
  readonly signal: AbortSignal;
  /** At once, whatever is in progress. */
  readonly now: AbortSignal;
}

/**
 * Runs `work` with a signal that Ctrl-C or SIGTERM raises once, instead of ending this process: the engine dies with its
 * host, and dying it would leave its lock and half-done steps behind. Ended politely it finishes the current step. A
 * second one, or a step that takes too long, ends it at once; work that does not end even then ends with this process.
 */
export async function interruptible<T>(
  ticker: Ticker,
  work: (interruption: Interruption) => Promise<T>,
  bounds = BOUNDS,
  leave: (code: number) => void = process.exit,
): Promise<T> {
  const [polite, atOnce] = [new AbortController(), new AbortController()];
  const timers: NodeJS.Timeout[] = [];
  const insist = () => {
    if (atOnce.signal.aborted) return;
    ticker.line("stopping at once");
    atOnce.abort();
    timers.push(setTimeout(() => leave(130), bounds.force));
  };
  const onSignal = (name: NodeJS.Signals) => {
    if (polite.signal.aborted) return insist();
    ticker.line("stopping after what is in progress; once more to stop at once");
    polite.abort(name);
    timers.push(setTimeout(insist, bounds.patience));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await work({ signal: polite.signal, now: atOnce.signal });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    if (polite.signal.aborted) process.exitCode = 130;
  }
}

/**
 * The part of an interruption that the engine has to be told. A terminal sends Ctrl-C to every process in the
 * foreground, the engine among them, and a second one would cut its current step short.
 */
export function forEngine(signal: AbortSignal): AbortSignal {
  const told = new AbortController();
  const pass = () => {
    if (signal.reason !== "SIGINT" || process.stdin.isTTY !== true) told.abort();
  };
  if (signal.aborted) pass();
  else signal.addEventListener("abort", pass, { once: true });
  return told.signal;
}
