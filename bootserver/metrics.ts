/** Counters and a histogram in Prometheus' text format. */

/** Upper bounds of the answer times, in seconds. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

export class Metrics {
  private readonly answers = new Map<string, number>();
  private readonly buckets = BUCKETS.map(() => 0);
  private seconds = 0;
  private count = 0;

  /** One answer to a machine. */
  answered(boot: string, because: string, seconds: number): void {
    const labels = `boot="${boot}",because="${because}"`;
    this.answers.set(labels, (this.answers.get(labels) ?? 0) + 1);
    BUCKETS.forEach((bound, index) => {
      if (seconds <= bound) this.buckets[index] = (this.buckets[index] ?? 0) + 1;
    });
    this.seconds += seconds;
    this.count += 1;
  }

  /** The whole page; `permissions` are the numbers of permissions by phase. */
  text(permissions: Readonly<Record<string, number>>, lostLogEntries: number): string {
    const lines = [
      ...head("plinth_boot_answers_total", "counter", "Answers to machines."),
      ...[...this.answers].map(([labels, value]) => `plinth_boot_answers_total{${labels}} ${value}`),
      ...head("plinth_boot_answer_seconds", "histogram", "Time to an answer."),
      ...BUCKETS.map((bound, index) => `plinth_boot_answer_seconds_bucket{le="${bound}"} ${this.buckets[index] ?? 0}`),
      `plinth_boot_answer_seconds_bucket{le="+Inf"} ${this.count}`,
      `plinth_boot_answer_seconds_sum ${this.seconds}`,
      `plinth_boot_answer_seconds_count ${this.count}`,
      ...head("plinth_boot_permissions", "gauge", "Permissions by phase."),
      ...Object.entries(permissions).map(([phase, value]) => `plinth_boot_permissions{phase="${phase}"} ${value}`),
      ...head("plinth_boot_log_entries_lost_total", "counter", "Audit entries that could not be written."),
      `plinth_boot_log_entries_lost_total ${lostLogEntries}`,
    ];
    return `${lines.join("\n")}\n`;
  }
}

const head = (name: string, type: string, help: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];
