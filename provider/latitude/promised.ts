/**
 * Orders that a check has just found good. Servers are checked one by one before the first of them is ordered: none is in
 * the team's count yet, and each next check has to count them.
 */
export class Promised {
  /** When each was found good, by account and host name. */
  private readonly orders = new Map<string, Map<string, number>>();

  constructor(
    private readonly now: () => number = Date.now,
    /** How long it counts, in milliseconds: what was not ordered by then was a preview, or has failed. */
    private readonly keptMs = 10 * 60_000,
  ) {}

  add(account: string, hostname: string): void {
    const orders = this.orders.get(account) ?? new Map<string, number>();
    this.orders.set(account, orders.set(hostname, this.now()));
  }

  /** Names of the others, those left out that the team has already. */
  others(account: string, hostname: string, used: readonly string[]): readonly string[] {
    const since = this.now() - this.keptMs;
    return [...(this.orders.get(account) ?? [])]
      .filter(([name, at]) => at >= since && name !== hostname && !used.includes(name))
      .map(([name]) => name)
      .sort();
  }
}
