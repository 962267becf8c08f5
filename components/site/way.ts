import type { Capability } from "../kubernetes/phase";
import type { Step } from "./steps";

/** What has been made for each step of a site, and so what others wait for. */
export class Way<T> {
  private readonly made = new Map<string, { readonly machine: string | undefined; readonly things: readonly T[] }[]>();

  constructor(private readonly steps: readonly Step[]) {}

  /** Notes what carries a step; without `machine` it is the whole site's. */
  add(step: string, things: readonly T[], machine?: string): void {
    const { name } = this.step(step);
    this.made.set(name, [...(this.made.get(name) ?? []), { machine, things }]);
  }

  /** What a step waits for; for one machine its own and the whole site's. */
  before(step: string, machine?: string): readonly T[] {
    return this.holding(this.step(step).needs, machine);
  }

  /** What is there once the capabilities are; a step that nothing carries stands for what it needs itself. */
  holding(capabilities: readonly Capability[], machine?: string): readonly T[] {
    const things = this.steps
      .filter(({ provides }) => provides.some((capability) => capabilities.includes(capability)))
      .flatMap((step) => {
        const own = (this.made.get(step.name) ?? [])
          .filter((each) => machine === undefined || each.machine === undefined || each.machine === machine)
          .flatMap((each) => each.things);
        return own.length > 0 ? own : this.holding(step.needs, machine);
      });
    return [...new Set(things)];
  }

  private step(name: string): Step {
    const found = this.steps.find((step) => step.name === name);
    if (found === undefined) throw new Error(`unreachable: no step of this site is called ${name}`);
    return found;
  }
}
