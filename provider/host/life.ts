/**
 * When to stop. A plugin outlives its engine: it is not told by a signal, so it watches its standard input (a pipe
 * the engine holds open) and its parent process.
 */

/** The update was cancelled, or the engine is gone. */
export class Stopped extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "Stopped";
  }
}

const PARENT_POLL_MS = 1000;
/** After this an orphan ends even if a driver call does not return. */
const ORPHAN_GRACE_MS = 60_000;

export class Life {
  private controller = new AbortController();
  private running = 0;
  private leaving = false;

  constructor(private readonly exit: (code: number) => void = process.exit) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** A new run of the engine begins (a debugged plugin serves several). */
  begin(): void {
    if (this.controller.signal.aborted && !this.leaving) this.controller = new AbortController();
  }

  cancel(): void {
    this.controller.abort(new Stopped("the update was cancelled"));
  }

  /** Counts a call, so that the process does not leave in the middle of one. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.running++;
    try {
      return await call();
    } finally {
      this.running--;
      // The answer is written after this turn of the event loop.
      if (this.leaving && this.running === 0) setImmediate(() => this.exit(0));
    }
  }

  /** Stops waits and further steps, and ends the process when the running calls have returned. */
  leave(reason: string): void {
    if (this.leaving) return;
    this.leaving = true;
    this.controller.abort(new Stopped(reason));
    if (this.running === 0) this.exit(0);
    else setTimeout(() => this.exit(1), ORPHAN_GRACE_MS).unref();
  }

  /** Watches the engine that started this process. Not for a debugged plugin, whose parent is somebody else. */
  watchEngine(): void {
    const parent = process.ppid;
    process.stdin.on("end", () => this.leave("the engine is gone"));
    process.stdin.on("error", () => this.leave("the engine is gone"));
    process.stdin.resume();
    setInterval(() => {
      if (process.ppid !== parent) this.leave("the engine is gone");
    }, PARENT_POLL_MS).unref();
    process.on("SIGINT", () => this.leave("interrupted"));
    process.on("SIGTERM", () => this.leave("terminated"));
  }
}
