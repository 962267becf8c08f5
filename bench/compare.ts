import { readFileSync } from "node:fs";
import { seconds, type Ticker } from "../lab/ticker";
import { median, type Row, round } from "./row";

const ROUNDS = 5;

/** What a piece of work took. */
interface Taken {
  /** Seconds on the clock. */
  readonly time: number;
  /** Seconds of processors, in this process and in those it started that have ended. */
  readonly cpu: number;
}

/** A measured value and its ratio to something bare. */
export type Measured = Pick<Row, "value"> & { readonly ratio: number };

/** Median time of `ours` and its ratio to `theirs`, run in turn after one warm-up of each. */
export async function compare(
  what: string,
  ours: () => Promise<unknown>,
  theirs: () => Promise<unknown>,
  ticker: Ticker,
): Promise<Measured> {
  const { ours: found } = await compareAll(what, { ours }, theirs, ticker);
  return found.time;
}

/**
 * Medians of several pieces of work and their ratios to `theirs`, all run in turn after one warm-up of each. The time is
 * what a user waits; the processors' is what it costs, whoever else uses the machine.
 */
export async function compareAll<Name extends string>(
  what: string,
  works: Readonly<Record<Name, () => Promise<unknown>>>,
  theirs: () => Promise<unknown>,
  ticker: Ticker,
): Promise<Readonly<Record<Name, Record<keyof Taken, Measured>>>> {
  const names = Object.keys(works) as Name[];
  const rounds: { readonly bare: Taken; readonly of: ReadonlyMap<Name, Taken> }[] = [];
  await ticker.during(
    () => `${what}: round ${rounds.length} of ${ROUNDS}`,
    async () => {
      for (let round = 0; round <= ROUNDS; round++) {
        const of = new Map<Name, Taken>();
        for (const name of names) of.set(name, await taken(works[name]));
        const bare = await taken(theirs);
        if (round > 0) rounds.push({ bare, of });
      }
    },
  );
  const measured = (name: Name, unit: keyof Taken): Measured => {
    const values = rounds.map(({ bare, of }) => ({ own: of.get(name)?.[unit] ?? Number.NaN, bare: bare[unit] }));
    return {
      value: round(median(values.map(({ own }) => own))),
      ratio: round(median(values.map(({ own, bare }) => own / bare))),
    };
  };
  const found = {} as Record<Name, Record<keyof Taken, Measured>>;
  for (const name of names) {
    const { time, cpu } = { time: measured(name, "time"), cpu: measured(name, "cpu") };
    found[name] = { time, cpu };
    const called = names.length === 1 ? what : `${what}, ${name}`;
    ticker.line(
      `${called}: ${seconds(time.value * 1000)}, ${time.ratio.toFixed(2)} of the bare engine (of its processor time ${cpu.ratio.toFixed(2)})`,
    );
  }
  return found;
}

async function taken(work: () => Promise<unknown>): Promise<Taken> {
  const start = { time: process.hrtime.bigint(), cpu: processorSeconds() };
  await work();
  const time = Number(process.hrtime.bigint() - start.time) / 1e9;
  return { time, cpu: processorSeconds() - start.cpu };
}

/** Ticks of a second in /proc. */
const TICKS = 100;

/** Seconds of processors that this process and its ended children have used. */
function processorSeconds(): number {
  const text = readFileSync("/proc/self/stat", "utf8");
  // The name before them is in brackets and may hold blanks.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
}
