import fc from "fast-check";
import type { ServerInputs, ServerOutputs } from "../../components/machine/latitude/LatitudeServer";
import { listen } from "../provider/context";
import type { FakeFault } from "./fake";
import { server, World } from "./world";

/**
 * A rack of rented machines, ordered by runs that go wrong in every way: the vendor's own faults, lost answers, and runs
 * that are killed before they could note what they had made.
 */

const FAULTS: readonly FakeFault[] = [
  "sold-out",
  "reaped",
  "busy",
  "broken",
  "lost-answer",
  "late-list",
  "late-read",
  "late-change",
  "late-answer",
  "half-deleted",
];
const machines: readonly ServerInputs[] = ["cp-1", "cp-2", "cp-3", "gpu-1"].map((key) => ({
  ...server,
  hostname: `home-${key}`,
}));

interface Run {
  readonly faults: readonly { readonly kind: FakeFault; readonly times: number }[];
  /** Machines whose result is lost: the run was killed before it was noted. */
  readonly forgotten: readonly number[];
}

const run: fc.Arbitrary<Run> = fc.record({
  faults: fc.array(fc.record({ kind: fc.constantFrom(...FAULTS), times: fc.integer({ min: 1, max: 3 }) }), {
    maxLength: 4,
  }),
  forgotten: fc.subarray([0, 1, 2, 3]),
});

type Noted = Map<string, ServerOutputs>;

/** One update: what is noted is gone on with, the rest is made. */
async function update(world: World, noted: Noted, { faults, forgotten }: Run): Promise<void> {
  world.fake.faults.clear();
  for (const { kind, times } of faults) world.fake.fault(kind, times);
  for (const [index, inputs] of machines.entries()) {
    const { context } = listen();
    try {
      const outputs = noted.get(inputs.hostname);
      const state = outputs && (await world.server.read(outputs.serverId, { inputs, outputs }, context));
      const reached =
        state === undefined
          ? await world.server.create(inputs, context)
          : await world.server.update(state.outputs.serverId, state, inputs, context);
      if (forgotten.includes(index)) noted.delete(inputs.hostname);
      else noted.set(inputs.hostname, reached.outputs);
    } catch {
      // Nothing was made, or nobody can know: the next run looks.
    }
  }
}

/** One destroy of what is noted. */
async function destroy(world: World, noted: Noted, { faults }: Run): Promise<void> {
  world.fake.faults.clear();
  for (const { kind, times } of faults) world.fake.fault(kind, times);
  for (const inputs of machines) {
    const outputs = noted.get(inputs.hostname);
    if (outputs === undefined) continue;
    try {
      await world.server.delete(outputs.serverId, { inputs, outputs }, listen().context);
      noted.delete(inputs.hostname);
    } catch {
      // It is still noted: the next destroy goes on.
    }
  }
}

const QUIET: Run = { faults: [], forgotten: [] };

test("whatever goes wrong on the way, every machine is there once in the end, and none is left after a destroy", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(run, { maxLength: 4 }), fc.array(run, { maxLength: 2 }), async (runs, ends) => {
      const world = new World();
      const noted: Noted = new Map();
      for (const each of [...runs, QUIET]) await update(world, noted, each);
      expect(world.fake.servers.map(({ hostname }) => hostname).sort()).toEqual(
        machines.map(({ hostname }) => hostname).sort(),
      );
      expect([...noted.values()].every(({ status }) => status === "on")).toBe(true);
      for (const each of [...ends, QUIET]) await destroy(world, noted, each);
      expect([world.fake.servers, [...noted.keys()]]).toEqual([[], []]);
    }),
    { numRuns: 60 },
  );
}, 120_000);
