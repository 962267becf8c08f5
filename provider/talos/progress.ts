/** What an update has reached; grows while it is carried out, and becomes the outputs whatever happens. */
import type {
  ClusterReleaseOutputs,
  LeavingNode,
  NodeRunning,
  PastUpgrade,
  ReleaseStep,
} from "../../components/talos/ClusterRelease";

/** Steps kept in the state: enough to see what the last change did, little enough to be written at every step. */
const JOURNAL = 100;
/** Upgrades kept in the state: years of them. */
const UPGRADES = 30;

export class Progress {
  readonly running: { [key: string]: NodeRunning };
  /** Nodes that are declared no longer and have not left yet. */
  leaving: { [key: string]: LeavingNode };
  /** Where machines were called that others take the place of, until those are installed. */
  replaced: { [key: string]: readonly string[] };
  rolledOut: string | undefined;
  private readonly steps: ReleaseStep[] = [];
  private upgrades: readonly PastUpgrade[];
  /** Upgrades that the state knew of when this run began. */
  private readonly known: readonly PastUpgrade[];

  constructor(before: ClusterReleaseOutputs) {
    this.running = { ...before.running };
    this.leaving = { ...before.leaving };
    this.replaced = { ...before.replaced };
    this.upgrades = before.upgrades;
    this.known = before.upgrades;
    this.rolledOut = before.rolledOut;
  }

  note(node: string, action: ReleaseStep["action"], result: ReleaseStep["result"], detail: string): void {
    this.steps.push({ node, action, result, detail });
  }

  /** Takes an upgrade into the record; one that an earlier run began is completed. */
  upgraded(upgrade: PastUpgrade): void {
    const last = this.upgrades.at(-1);
    const goesOn =
      last !== undefined && last.axis === upgrade.axis && last.from === upgrade.from && last.to === upgrade.to;
    const nodes = [...new Set([...(goesOn ? last.nodes : []), ...upgrade.nodes])].sort();
    // The snapshot of the first part is the one from before any of it.
    const whole = { ...upgrade, ...(goesOn && last.snapshot !== undefined && { snapshot: last.snapshot }), nodes };
    this.upgrades = [...(goesOn ? this.upgrades.slice(0, -1) : this.upgrades), whole].slice(-UPGRADES);
  }

  /** Names of the snapshots that the record speaks of: they are needed to undo what was made. */
  get snapshots(): ReadonlySet<string> {
    return new Set(this.upgrades.flatMap(({ snapshot }) => snapshot ?? []));
  }

  /**
   * When the state knew of the last change before a step that begins here. What an earlier run has recorded of that step
   * itself does not count: it is the same step.
   */
  lastBefore({ axis, from }: Pick<PastUpgrade, "axis" | "from">): string | undefined {
    return this.known.findLast((past) => past.axis !== axis || past.from !== from)?.at;
  }

  outputs(phase: ClusterReleaseOutputs["phase"]): ClusterReleaseOutputs {
    const running = Object.fromEntries(Object.entries(this.running).sort(([a], [b]) => (a < b ? -1 : 1)));
    return {
      running,
      phase,
      journal: this.steps.slice(-JOURNAL),
      upgrades: this.upgrades,
      ...(Object.keys(this.leaving).length > 0 && { leaving: this.leaving }),
      ...(Object.keys(this.replaced).length > 0 && { replaced: this.replaced }),
      ...(this.rolledOut !== undefined && { rolledOut: this.rolledOut }),
    };
  }
}
