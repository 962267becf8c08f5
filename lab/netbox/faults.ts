/** What goes wrong with a request. */
export type FaultKind =
  /** Answered after `delayMs`. */
  | "slow"
  /** Never answered. */
  | "hang"
  /** The database is away: 500 with JSON. Nothing happened. */
  | "500-json"
  /** The cache is away: 500 with an HTML page. Nothing happened. */
  | "500-html"
  /** A proxy's 502, 503 or 429. Nothing happened. */
  | "502"
  | "503"
  | "429"
  /** The connection breaks before anything happened. */
  | "reset"
  /** The change is made, then the connection breaks. */
  | "reset-after-commit"
  /** A proxy delivers the request twice: the client sees the answer to the second. */
  | "duplicate-key";

/** A fault and the requests it hits. */
export interface Fault {
  readonly kind: FaultKind;
  /** @default - every method */
  readonly method?: string;
  /** Regular expression on the path and query. @default - every path */
  readonly path?: string;
  /** How many matching requests pass before it strikes. @default 0 */
  readonly after?: number;
  /** How many requests it strikes. @default 1 */
  readonly times?: number;
  /** For `slow`. @default 1000 */
  readonly delayMs?: number;
}

/** The faults in force, counted down as requests come. */
export class Faults {
  private active: { fault: Fault; skip: number; left: number }[] = [];

  add(fault: Fault): void {
    this.active.push({ fault, skip: fault.after ?? 0, left: fault.times ?? 1 });
  }

  clear(): void {
    this.active = [];
  }

  /** The fault that strikes this request, if any. */
  strike(method: string, url: string): Fault | undefined {
    for (const entry of this.active) {
      const { fault } = entry;
      if (fault.method !== undefined && fault.method !== method) continue;
      if (fault.path !== undefined && !new RegExp(fault.path).test(url)) continue;
      if (entry.skip > 0) {
        entry.skip -= 1;
        continue;
      }
      entry.left -= 1;
      if (entry.left <= 0) this.active = this.active.filter((one) => one !== entry);
      return fault;
    }
    return undefined;
  }
}
