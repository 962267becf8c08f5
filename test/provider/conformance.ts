/**
 * What every resource of the provider has to keep, run against its real code with drivers that fail at every call,
 * one after the other. A resource's test hands in a {@link Subject} and gets the whole suite.
 */
import { type Draft, unknown } from "../../provider/draft";
import { inputProblems, schemaProblems } from "../../provider/host/parse";
import type { Reached, Resource, State } from "../../provider/resource";
import { type Heard, listen } from "./context";
import { FAULTS, type Recorder } from "./faults";

/** A world of its own for one trial. */
export interface World<I, O> {
  readonly resource: Resource<I, O>;
  readonly recorder: Recorder;
  /** What is outside, comparable by value; without times and counters. */
  snapshot(): unknown;
}

export interface Subject<I extends object, O> {
  readonly make: () => World<I, O>;
  readonly inputs: I;
  /** Inputs of a change that `update` carries out in place. */
  readonly changed: I;
  /** Inputs with several mistakes, and the path of each. */
  readonly bad: { readonly inputs: unknown; readonly paths: readonly string[] };
  /** Texts that must not appear in any message, record or failure. */
  readonly secrets: readonly string[];
  /** Mutating driver calls that need an audit record before them. */
  readonly privileged: readonly string[];
  /** Makes the world lose the thing, certainly. @default - it cannot be lost */
  readonly lose?: (world: World<I, O>) => void;
}

/** A driver call that hangs is ended by a bound of some milliseconds here, so nothing may take longer than this. */
const PROMPT_MS = 10_000;

/** Inputs in which everything happens to be known. */
const draft = <I>(inputs: I): Draft<I> => inputs as Draft<I>;

export function conformance<I extends object, O>(name: string, subject: Subject<I, O>): void {
  // Hundreds of runs in a row, on a machine that may be busy.
  jest.setTimeout(180_000);
  const trial = (): { readonly world: World<I, O>; readonly heard: Heard } => {
    const world = subject.make();
    const audited: string[] = [];
    const heard = listen(subject.secrets, (act) => audited.push(act.act));
    world.recorder.onAbort = heard.abort;
    return { world, heard };
  };
  const created = async (): Promise<{ world: World<I, O>; state: State<I, O>; id: string }> => {
    const { world, heard } = trial();
    const reached = await world.resource.create(subject.inputs, heard.context);
    expect(reached.failures ?? []).toEqual([]);
    return { world, id: reached.id, state: { inputs: subject.inputs, outputs: reached.outputs } };
  };
  const quiet = (heard: Heard, ...more: readonly unknown[]): void => {
    const everything = JSON.stringify([heard.lines, heard.acts, more]);
    for (const secret of subject.secrets) expect(everything).not.toContain(secret);
  };

  describe(`${name} keeps the contract`, () => {
    test("its outputs pass its own schema, and so does an empty record of a partial result", async () => {
      const { world, state } = await created();
      expect(schemaProblems(world.resource.outputs, state.outputs)).toEqual([]);
      expect(schemaProblems(world.resource.outputs, {})).toEqual([]);
      expect(schemaProblems(world.resource.inputs, subject.inputs)).toEqual([]);
    });

    test("creating it twice changes nothing the second time", async () => {
      const { world, state } = await created();
      const before = world.recorder.changes.length;
      const again = await world.resource.create(subject.inputs, listen().context);
      expect(world.recorder.changes.length).toBe(before);
      expect({ ...again.outputs, journal: [] }).toEqual({ ...state.outputs, journal: [] });
    });

    test("no change means no diff, a change means one", async () => {
      const { world, state } = await created();
      expect(await world.resource.diff(state, draft(subject.inputs), listen().context)).toEqual([]);
      expect(await world.resource.diff(state, draft(subject.changed), listen().context)).not.toEqual([]);
    });

    test("a preview changes nothing outside", async () => {
      const { world, state } = await created();
      const before = world.recorder.changes.length;
      const { context } = listen();
      await world.resource.check(draft(subject.changed), context);
      await world.resource.diff(state, draft(subject.changed), context);
      await world.resource.preview(draft(subject.changed), state, context);
      await world.resource.preview(draft(subject.inputs), undefined, context);
      expect(world.recorder.changes.length).toBe(before);
    });

    test.each(Object.keys(subject.inputs))("an unknown %s is no problem at preview", async (key) => {
      const { world, state } = await created();
      const { context } = listen();
      const partly = { ...subject.changed, [key]: unknown } as unknown as Draft<I>;
      expect(schemaProblems(world.resource.inputs, partly)).toEqual([]);
      expect(await world.resource.check(partly, context)).toEqual([]);
      await world.resource.diff(state, partly, context);
      await world.resource.preview(partly, undefined, context);
      await world.resource.preview(partly, state, context);
    });

    test("check finds every mistake at once, and names no secret", async () => {
      const { world, heard } = trial();
      const found = await inputProblems(world.resource, subject.bad.inputs, heard.context);
      expect(found.map(({ path }) => path).sort()).toEqual([...subject.bad.paths].sort());
      for (const problem of found) {
        expect(problem.reason).not.toBe("");
        expect(problem.fix).not.toBe("");
      }
      quiet(heard, found);
    });

    test("a privileged act is on record before it is done", async () => {
      const { world } = trial();
      const records: number[] = [];
      const heard = listen(subject.secrets, () => records.push(world.recorder.calls.length));
      const reached = await world.resource.create(subject.inputs, heard.context);
      await world.resource.update(
        reached.id,
        { inputs: subject.inputs, outputs: reached.outputs },
        subject.changed,
        heard.context,
      );
      world.recorder.calls.forEach((call, index) => {
        if (!subject.privileged.includes(call.name)) return;
        expect(records.some((recorded) => recorded <= index)).toBe(true);
        records.splice(
          records.findIndex((recorded) => recorded <= index),
          1,
        );
      });
    });

    test.each(FAULTS)("create: %s at every driver call, and the next run finishes", async (kind) => {
      const clean = await created();
      const total = clean.world.recorder.calls.length;
      expect(total).toBeGreaterThan(0);
      for (let at = 0; at < total; at++) {
        const { world, heard } = trial();
        world.recorder.fault = { at, kind };
        const started = Date.now();
        const first = await attempt(heard, () => world.resource.create(subject.inputs, heard.context));
        expect(Date.now() - started).toBeLessThan(PROMPT_MS);
        quiet(heard, first);
        world.recorder.fault = undefined;
        const end = listen(subject.secrets).context;
        const second = first.reached
          ? await world.resource.update(
              "id",
              { inputs: subject.inputs, outputs: first.reached.outputs },
              subject.inputs,
              end,
            )
          : await world.resource.create(subject.inputs, end);
        expect([at, second.failures ?? []]).toEqual([at, []]);
        expect([at, world.snapshot()]).toEqual([at, clean.world.snapshot()]);
      }
    });

    test.each(FAULTS)("update: %s at every driver call, and the next run finishes", async (kind) => {
      const clean = await created();
      const from = clean.world.recorder.calls.length;
      await clean.world.resource.update(clean.id, clean.state, subject.changed, listen().context);
      const total = clean.world.recorder.calls.length;
      for (let at = from; at < total; at++) {
        const { world, state, id } = await created();
        const heard = listen(subject.secrets);
        world.recorder.onAbort = heard.abort;
        world.recorder.fault = { at, kind };
        const first = await attempt(heard, () => world.resource.update(id, state, subject.changed, heard.context));
        quiet(heard, first);
        world.recorder.fault = undefined;
        const prior = first.reached ? { inputs: subject.changed, outputs: first.reached.outputs } : state;
        if (first.reached?.failures !== undefined) {
          // A refresh forgets that the update failed: the next preview has to show that something is left to do.
          expect(await world.resource.diff(prior, draft(subject.changed), listen().context)).not.toEqual([]);
        }
        const second = await world.resource.update(id, prior, subject.changed, listen(subject.secrets).context);
        expect([at, second.failures ?? []]).toEqual([at, []]);
        expect([at, world.snapshot()]).toEqual([at, clean.world.snapshot()]);
      }
    });

    test("a cancelled run stops at once and changes nothing more", async () => {
      const { world, heard } = trial();
      heard.abort();
      const first = await attempt(heard, () => world.resource.create(subject.inputs, heard.context));
      expect(first.reached === undefined || (first.reached.failures ?? []).length > 0).toBe(true);
      expect(world.recorder.changes).toEqual([]);
    });

    test("reading an unreachable world fails and drops nothing", async () => {
      const { world, state, id } = await created();
      world.recorder.outage = new Error("connection refused");
      await expect(world.resource.read(id, state, listen().context)).rejects.toThrow(/connection refused/);
    });

    test("reading what was made finds it unchanged", async () => {
      const { world, state, id } = await created();
      const before = world.recorder.changes.length;
      expect(await world.resource.read(id, state, listen().context)).toEqual(state);
      expect(world.recorder.changes.length).toBe(before);
    });

    test("deleting it twice does no harm", async () => {
      const { world, state, id } = await created();
      await world.resource.delete(id, state, listen().context);
      const gone = world.snapshot();
      await world.resource.delete(id, state, listen().context);
      expect(world.snapshot()).toEqual(gone);
    });

    const { lose } = subject;
    if (lose !== undefined) {
      test("reading what is certainly gone says so", async () => {
        const { world, state, id } = await created();
        lose(world);
        expect(await world.resource.read(id, state, listen().context)).toBeUndefined();
      });
    }
  });
}

/** A run that may end in an error, which then stands for "nothing was made". What it says goes through the redactor, as in the host. */
async function attempt<O>(
  { context: { redact } }: Heard,
  run: () => Promise<Reached<O>>,
): Promise<{ reached?: Reached<O>; error?: string }> {
  try {
    const { outputs, failures } = await run();
    return { reached: { outputs, ...(failures !== undefined && { failures: failures.map(redact) }) } };
  } catch (error) {
    return { error: redact(error instanceof Error ? error.message : String(error)) };
  }
}
