import type { Ticker } from "./ticker";

/**
 * Runs `work` with a signal that Ctrl-C or SIGTERM raises once, instead of ending this process: the engine dies with its
 * host, and dying it would leave its lock and half-done steps behind. Ended politely it finishes the current step.
 */
export async function interruptible<T>(ticker: Ticker, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) return;
    ticker.line("stopping after what is in progress; once more to stop at once");
    controller.abort(name);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await work(controller.signal);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    if (controller.signal.aborted) process.exitCode = 130;
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
