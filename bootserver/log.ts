import { appendFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/** One decision or one act, as it stands in the audit log. */
export interface LogEntry {
  readonly event: "answer" | "configuration" | "grant" | "proof" | "refused" | "revoke" | "warning";
  readonly mac?: string;
  readonly uuid?: string;
  /** Address the question came from. */
  readonly from?: string;
  readonly [detail: string]: string | number | undefined;
}

/** How long the same answer to the same machine is not written again, in milliseconds. */
const QUIET = 10 * 60_000;
const REMEMBERED = 4096;
const LONGEST_QUEUE = 10_000;

/**
 * The audit log: one JSON line an event, appended. A machine that boots from disk again and again, or a stranger who
 * asks without end, is written once in a while only; permissions and installations always.
 */
export class BootLog {
  private readonly recent = new Map<string, number>();
  private queue: string[] = [];
  private busy: Promise<void> | undefined;
  /** Entries that could not be written. */
  lost = 0;

  constructor(private readonly file: string | undefined) {}

  write(entry: LogEntry): void {
    if (entry.event === "answer" && entry.boot === "disk" && this.isRepeated(entry)) return;
    if (entry.event === "refused" && this.isRepeated(entry)) return;
    if (this.queue.length >= LONGEST_QUEUE) {
      this.lost += 1;
      return;
    }
    this.queue.push(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
    this.busy ??= this.drain();
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    await this.busy;
  }

  private isRepeated({ event, mac, uuid, from, because }: LogEntry): boolean {
    const key = [event, mac ?? from, uuid, because].join(" ");
    const now = Date.now();
    const last = this.recent.get(key);
    if (last !== undefined && now - last < QUIET && now >= last) return true;
    // Insertion order is age.
    this.recent.delete(key);
    this.recent.set(key, now);
    if (this.recent.size > REMEMBERED)
      for (const oldest of [...this.recent.keys()].slice(0, 512)) this.recent.delete(oldest);
    return false;
  }

  private async drain(): Promise<void> {
    // One turn of the event loop gathers what comes together.
    await new Promise(setImmediate);
    while (this.queue.length > 0) {
      const lines = this.queue;
      this.queue = [];
      try {
        if (this.file === undefined) process.stdout.write(lines.join(""));
        else {
          await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
          await appendFile(this.file, lines.join(""), { mode: 0o600 });
        }
      } catch {
        this.lost += lines.length;
      }
    }
    this.busy = undefined;
  }
}
