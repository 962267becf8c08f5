/** Drivers that fail on demand: every call is counted, and any one of them can be made to go wrong. */

export type Fault =
  /** The call fails and has done nothing. */
  | "fail"
  /** The call does its work, but its answer is lost. */
  | "lost"
  /** The call does not return; the driver's bound, or the cancel, ends it. */
  | "hang"
  /** The update is cancelled at this call; the call itself works. */
  | "abort";

export const FAULTS: readonly Fault[] = ["fail", "lost", "hang", "abort"];

export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
  /** It changes the world. */
  readonly mutates: boolean;
}

export class Recorder {
  readonly calls: Call[] = [];
  /** What happens at the call of that index. */
  fault: { readonly at: number; readonly kind: Fault } | undefined;
  /** Every call fails with this. */
  outage: Error | undefined;
  onAbort: () => void = () => undefined;

  constructor(
    /** Error that a failing call of this driver ends with. */
    private readonly failure: (call: Call) => Error,
  ) {}

  /** The driver with every call counted; `mutating` names the calls that change the world. */
  wrap<T extends object>(target: T, mutating: ReadonlySet<string>): T {
    return new Proxy(target, {
      get: (object, name) => {
        const member = Reflect.get(object, name);
        if (typeof member !== "function" || typeof name !== "string") return member;
        return (...args: readonly unknown[]) =>
          this.run({ name, args, mutates: mutating.has(name) }, () => member.apply(object, args));
      },
    });
  }

  get changes(): readonly Call[] {
    return this.calls.filter((call) => call.mutates);
  }

  private async run(call: Call, work: () => Promise<unknown>): Promise<unknown> {
    const signal = call.args.find((arg) => arg instanceof AbortSignal);
    signal?.throwIfAborted();
    const index = this.calls.push(call) - 1;
    if (this.outage !== undefined) throw this.outage;
    if (this.fault?.at !== index) return work();
    switch (this.fault.kind) {
      case "fail":
        throw this.failure(call);
      case "lost":
        await work();
        throw this.failure(call);
      case "hang":
        await new Promise((resolve) => setTimeout(resolve, 5));
        throw this.failure(call);
      case "abort":
        this.onAbort();
        return work();
    }
  }
}
