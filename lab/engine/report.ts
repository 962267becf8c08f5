import type { EngineEvent, OpMap, OpType } from "@pulumi/pulumi/automation";
import { seconds, type Ticker } from "../ticker";

/** What an engine run said, told to a person while it happens and kept for the end. */
export class Report {
  /** Resources that were or would be changed, in order. */
  readonly changes: Change[] = [];
  /** Error messages, first to last, without repetitions. */
  readonly errors: string[] = [];
  /** Counts by operation, when the run ended by itself. */
  summary: OpMap | undefined;
  private readonly running = new Map<
    string,
    { readonly op: OpType; readonly since: number; component: boolean; status?: string }
  >();

  constructor(
    private readonly ticker: Ticker,
    private readonly preview: boolean,
  ) {}

  /** Changes that are more than reading, by count. */
  get changed(): number {
    return this.changes.length;
  }

  /** One line for the progress display. */
  describe(): string {
    // A component is under way as long as its children are: they tell more.
    const running = [...this.running].filter(([, task]) => !task.component);
    if (running.length === 0) return this.preview ? "comparing the site with the state" : "working through the site";
    return running
      .map(([urn, { op, since, status }]) => {
        const doing = `${gerund[op] ?? op} ${shortName(urn)} for ${seconds(Date.now() - since)}`;
        return status === undefined ? doing : `${doing}: ${status}`;
      })
      .join(", ");
  }

  /** Takes one event of the engine. */
  readonly onEvent = (event: EngineEvent): void => {
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent, policyEvent, summaryEvent } = event;
    if (policyEvent !== undefined) this.judge(policyEvent);
    if (resourcePreEvent !== undefined) this.begin(resourcePreEvent.metadata);
    if (resOutputsEvent !== undefined) this.end(resOutputsEvent.metadata, "");
    if (resOpFailedEvent !== undefined) this.end(resOpFailedEvent.metadata, "failed: ");
    if (summaryEvent !== undefined) this.summary = summaryEvent.resourceChanges;
    if (diagnosticEvent === undefined) return;
    const message = plain(diagnosticEvent.message);
    const task = diagnosticEvent.urn === undefined ? undefined : this.running.get(diagnosticEvent.urn);
    // The engine hands out its debug log too, secrets and all: nothing of it is shown.
    if (message === "" || !shown.has(diagnosticEvent.severity)) return;
    if (diagnosticEvent.ephemeral) {
      if (task !== undefined) task.status = message;
    } else if (diagnosticEvent.severity === "error") {
      if (!this.errors.includes(message)) this.errors.push(message);
    } else {
      const who = diagnosticEvent.urn === undefined ? "" : `${shortName(diagnosticEvent.urn)}: `;
      this.ticker.line(`  ${who}${message}`);
    }
  };

  /** What a rule says: an error when it stops, else a line by the way. */
  private judge({ policyName, message, enforcementLevel }: NonNullable<EngineEvent["policyEvent"]>): void {
    const said = `${policyName}: ${plain(message)}`;
    if (enforcementLevel === "mandatory") this.errors.push(said);
    else this.ticker.line(`  ${said}`);
  }

  private begin(step: Step): void {
    if (silent.has(step.op) || step.type.startsWith("pulumi:")) return;
    this.running.set(step.urn, { op: step.op, since: Date.now(), component: step.new?.custom === false });
    if (this.preview) {
      this.changes.push(changeOf(step));
      this.ticker.line(`  ${step.op.padEnd(8)} ${shortName(step.urn)}${paths(step)}`);
    }
  }

  private end(step: Step, prefix: string): void {
    const task = this.running.get(step.urn);
    this.running.delete(step.urn);
    if (task === undefined || this.preview) return;
    if (prefix === "") this.changes.push(changeOf(step));
    const done = past[task.op] ?? task.op;
    this.ticker.line(
      `  ${prefix}${prefix === "" ? done : task.op} ${shortName(step.urn)} (${seconds(Date.now() - task.since)})${paths(step)}`,
    );
  }
}

/** One changed resource. */
export interface Change {
  readonly op: string;
  readonly urn: string;
  /** Paths inside the resource, where the provider tells them. */
  readonly paths: readonly string[];
}

type Step = NonNullable<EngineEvent["resourcePreEvent"]>["metadata"];

const shown = new Set<string>(["info", "info#err", "warning", "error"]);

const silent = new Set<string>([
  "same",
  "read",
  "read-discard",
  "refresh",
  "remove-pending-replace",
  "discard-replaced",
]);

const gerund: Partial<Record<string, string>> = {
  create: "creating",
  update: "updating",
  delete: "deleting",
  replace: "replacing",
  "create-replacement": "replacing",
  "delete-replaced": "removing the old",
};

const past: Partial<Record<string, string>> = {
  create: "created",
  update: "updated",
  delete: "deleted",
  replace: "replaced",
  "create-replacement": "made the new",
  "delete-replaced": "removed the old",
};

function changeOf(step: Step): Change {
  return { op: step.op, urn: step.urn, paths: Object.keys(step.detailedDiff ?? {}) };
}

function paths(step: Step): string {
  const found = Object.keys(step.detailedDiff ?? {});
  return found.length === 0 || step.op === "create" ? "" : `: ${found.join(", ")}`;
}

/** `Bootstrap lab-bootstrap` of a URN. */
export function shortName(urn: string): string {
  const [type = "", name = ""] = urn.split("::").slice(-2);
  return `${type.split(":").at(-1)} ${name}`;
}

/** Text without the engine's colour marks. */
function plain(text: string): string {
  return text.replace(/<\{%[^%]*%\}>/g, "").trim();
}
