import { setTimeout as sleep } from "node:timers/promises";
import type { RackControl } from "../rack/control";

const SAMPLE_MS = 250;

/** What was seen of a rack while it was watched. */
export interface Watched {
  /** Boots of each machine, by name. */
  readonly boots: Readonly<Record<string, number>>;
  /** Times at which a cluster had no quorum, ISO 8601. */
  readonly quorumLost: readonly string[];
  readonly samples: number;
}

/** Watches a rack while something is done to it; returns what came of it, and what was seen. */
export async function watching<T>(control: RackControl, work: () => Promise<T>): Promise<readonly [T, Watched]> {
  const watcher = new Watcher(control);
  try {
    const done = await work();
    return [done, await watcher.end()];
  } finally {
    await watcher.end();
  }
}

/** Looks at a rack again and again: whether etcd keeps its quorum, and how often each machine boots. */
export class Watcher {
  private readonly seen = new Map<string, Set<string>>();
  private readonly quorumLost: string[] = [];
  private samples = 0;
  private over = false;
  private readonly running: Promise<void>;

  constructor(private readonly control: RackControl) {
    this.running = this.run();
  }

  /** Ends the watch. */
  async end(): Promise<Watched> {
    this.over = true;
    await this.running;
    const boots = [...this.seen].map(([name, ids]) => [name, ids.size - 1] as const);
    return { boots: Object.fromEntries(boots), quorumLost: this.quorumLost, samples: this.samples };
  }

  private async run(): Promise<void> {
    while (!this.over) {
      try {
        const { machines, clusters } = await this.control.status();
        this.samples++;
        for (const { name, bootId } of machines) {
          if (bootId === "") continue;
          const ids = this.seen.get(name) ?? new Set();
          this.seen.set(name, ids.add(bootId));
        }
        if (clusters?.some(({ quorum }) => !quorum)) this.quorumLost.push(new Date().toISOString());
      } catch {
        // A rack that is busy is asked again.
      }
      await sleep(SAMPLE_MS);
    }
  }
}
