/** Pauses in a log, in milliseconds: after what a person has not read yet, and after what only takes longer. */
const NEWS_MS = 1750;
const ALIVE_MS = 15_000;

/**
 * Progress on a terminal or in a log. A terminal gets one status line that is redrawn; a log gets a line when the status
 * changes, and every fifteen seconds while it does not, so that nobody wonders whether it still runs.
 */
export class Ticker {
  private status: (() => string) | undefined;
  private since = Date.now();
  private lastOutput = Date.now();
  private drawn = false;
  /** The status a log got last, without its durations. */
  private told = "";
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly out: NodeJS.WriteStream = process.stderr) {
    this.timer = setInterval(() => this.beat(), out.isTTY ? 200 : 250);
    this.timer.unref();
  }

  /** Prints a lasting line. */
  line(text: string): void {
    this.erase();
    this.out.write(`${text}\n`);
    this.lastOutput = Date.now();
  }

  /** Runs `work` under a status that tells how long it has taken; `describe` is asked again at each redraw. */
  async during<T>(describe: () => string, work: () => Promise<T>): Promise<T> {
    const [outer, outerSince] = [this.status, this.since];
    this.status = describe;
    this.since = Date.now();
    try {
      return await work();
    } finally {
      this.erase();
      this.status = outer;
      this.since = outerSince;
    }
  }

  /** Ends all output of this ticker. */
  close(): void {
    clearInterval(this.timer);
    this.erase();
  }

  private beat(): void {
    if (this.status === undefined) return;
    const text = `${this.status()} (${seconds(Date.now() - this.since)})`;
    if (this.out.isTTY) {
      this.erase();
      this.out.write(text.slice(0, Math.max(20, (this.out.columns ?? 80) - 1)));
      this.drawn = true;
      return;
    }
    const status = text.replace(DURATION, "");
    if (Date.now() - this.lastOutput < (status === this.told ? ALIVE_MS : NEWS_MS)) return;
    this.told = status;
    this.line(text);
  }

  private erase(): void {
    if (this.drawn) this.out.write("\r\x1b[2K");
    this.drawn = false;
  }
}

/** What {@link seconds} writes. */
const DURATION = /(\d+ min )?\d+ s\b/g;

/** A duration for people: `7 s`, `3 min 20 s`. */
export function seconds(milliseconds: number): string {
  const whole = Math.round(milliseconds / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
