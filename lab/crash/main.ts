import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../components/discovery";
import { cacheRoot } from "../places";
import { seconds } from "../ticker";
import { type Blow, blowsAt, type Point, sample } from "./point";
import { type Scenario, scenarios, type Way } from "./scenario";
import { Trial } from "./trial";

/**
 * Kills the engine once at every point of each scenario, and requires that the next `npm run lab` finishes.
 *
 * The points are enumerated by a run of its own and compared with test/recorded/crash-points.json: one that is recorded
 * and not passed any more fails, so the test cannot shrink unseen. `--record` writes the file anew. `--sample N --seed S`
 * tries N of them, chosen by the seed; `--only TEXT` those that contain a text.
 */
const RECORD = join(packageRoot, "test", "recorded", "crash-points.json");

/** The points of each scenario, in the order in which they are passed. */
type Recorded = Readonly<Record<Scenario["key"], readonly Point[]>>;

/** One kill: the scenario that it happens in, where, and what both are told by. */
interface Planned {
  readonly name: string;
  readonly scenario: Scenario;
  readonly blow: Blow;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sample: { type: "string" },
      seed: { type: "string", default: "" },
      only: { type: "string", default: "" },
      record: { type: "boolean", default: false },
    },
  });
  const folder = join(cacheRoot(), "crash");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const campaign = new Campaign(new Trial("crash", join(folder, "crash.log")), scenarios(folder));

  const found = await campaign.enumerate(values.record ? 2 : 1);
  if (values.record) {
    mkdirSync(dirname(RECORD), { recursive: true });
    writeFileSync(RECORD, `${JSON.stringify(found, undefined, 2)}\n`);
    console.log(`recorded ${Object.values(found).flat().length} points`);
  }
  const missing = missingPoints(found);
  for (const point of missing) console.log(`MISSING  ${point}: recorded, but passed no more`);

  const all = campaign.plan(found);
  const wanted = all.filter(({ name }) => name.includes(values.only));
  const names = wanted.map(({ name }) => name);
  const chosen = new Set(values.sample === undefined ? names : sample(names, Number(values.sample), values.seed));
  console.log(`${all.length} points, ${chosen.size} of them tried`);
  const failed = await campaign.tryAll(wanted.filter(({ name }) => chosen.has(name)));
  await campaign.end();
  // A failure is looked into with the log in hand.
  if (failed.length === 0) rmSync(folder, { recursive: true, force: true });
  console.log(`crash points: ${chosen.size - failed.length} passed, ${failed.length + missing.length} failed`);
  if (failed.length + missing.length > 0) process.exitCode = 1;
}

function missingPoints(found: Recorded): Point[] {
  if (!existsSync(RECORD)) throw new Error(`${RECORD} is missing; write it with --record`);
  const recorded: Partial<Recorded> = JSON.parse(readFileSync(RECORD, "utf8"));
  return Object.entries(found).flatMap(([key, points]) =>
    (recorded[key as Scenario["key"]] ?? []).filter((point) => !points.includes(point)),
  );
}

/** One instance of the lab that goes from scenario to scenario. */
class Campaign {
  /** File that the site is as; nothing while there is no site, or none that can be relied on. */
  private current: string | undefined;

  constructor(
    private readonly trial: Trial,
    private readonly scenarios: readonly Scenario[],
  ) {}

  /** Every point of every scenario; with several runs those that each of them passed. */
  async enumerate(runs: number): Promise<Recorded> {
    const found: Partial<Record<Scenario["key"], readonly Point[]>> = {};
    for (let run = 0; run < runs; run++) {
      const started = Date.now();
      const counts: string[] = [];
      this.current = undefined;
      for (const { key, label, ways } of this.scenarios) {
        const way = await this.begin(ways);
        const { passed } = await this.trial.crash(way.to);
        this.current = way.to;
        found[key] = (found[key] ?? passed).filter((point) => passed.includes(point));
        counts.push(`${label} ${passed.length}`);
      }
      console.log(`enumerated the points in ${seconds(Date.now() - started)}: ${counts.join(", ")}`);
    }
    return found as Recorded;
  }

  plan(found: Recorded): readonly Planned[] {
    return this.scenarios.flatMap((scenario) =>
      found[scenario.key].flatMap(blowsAt).map((blow) => ({ name: `${scenario.label}: ${blow.name}`, scenario, blow })),
    );
  }

  /** Names of those after which the next run did not finish. */
  async tryAll(planned: readonly Planned[]): Promise<string[]> {
    const failed: string[] = [];
    // The last scenario first: it needs the site that the enumeration has left.
    const ordered = [...this.scenarios]
      .reverse()
      .flatMap((each) => planned.filter(({ scenario }) => scenario === each));
    for (const [index, { name, scenario, blow }] of ordered.entries()) {
      const started = Date.now();
      let verdict = "ok    ";
      let why = "";
      try {
        const { to } = await this.begin(scenario.ways);
        this.current = undefined;
        const { killed } = await this.trial.crash(to, blow.point, { seconds: blow.seconds });
        if (!killed) throw new Error("the run ended before it passed this point");
        await this.trial.finish(to);
        this.current = to;
      } catch (error) {
        failed.push(name);
        verdict = "FAILED";
        why = `: ${error instanceof Error ? error.message : error}\n${this.trial.lastWords()}`;
      }
      console.log(`${verdict} ${index + 1}/${ordered.length} ${name} (${seconds(Date.now() - started)})${why}`);
    }
    return failed;
  }

  async end(): Promise<void> {
    await this.trial.lab("reset");
  }

  /** Brings the site to where one of the ways begins, that it is at already if it can. */
  private async begin(ways: Scenario["ways"]): Promise<Way> {
    const way = ways.find(({ from }) => from !== undefined && from === this.current) ?? ways[0];
    if (way.from === undefined || this.current === undefined) await this.trial.lab("reset");
    if (way.from !== undefined && way.from !== this.current) await this.trial.lab("up", "--site", way.from);
    return way;
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
