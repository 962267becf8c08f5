import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { parseDocument } from "yaml";
import { packageRoot } from "../../components/discovery";
import { labStackFile } from "../instance/prepare";
import { cacheRoot } from "../places";
import { seconds } from "../ticker";
import { type Point, sample } from "./point";
import { Trial } from "./trial";

/**
 * Kills the engine once at every point of a bring-up and of an edit, and requires that the next `npm run lab` finishes.
 *
 * The points are enumerated by a run of its own and compared with test/recorded/crash-points.json: one that is recorded
 * and not passed any more fails, so the test cannot shrink unseen. `--record` writes the file anew. `--sample N --seed S`
 * tries N of them, chosen by the seed; `--only TEXT` those that contain a text.
 */
const RECORD = join(packageRoot, "test", "recorded", "crash-points.json");

/** The points of each scenario, in the order in which they are passed. */
interface Recorded {
  readonly bringUp: readonly Point[];
  readonly edit: readonly Point[];
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
  const trial = new Trial("crash", join(folder, "crash.log"));
  const files = stackFiles(folder);
  await trial.lab("reset");

  const found = await enumerate(trial, files, values.record ? 2 : 1);
  if (values.record) {
    mkdirSync(dirname(RECORD), { recursive: true });
    writeFileSync(RECORD, `${JSON.stringify(found, undefined, 2)}\n`);
    console.log(`recorded ${found.bringUp.length + found.edit.length} points`);
  }
  const missing = missingPoints(found);
  for (const point of missing) console.log(`MISSING  ${point}: recorded, but passed no more`);

  const all = [...found.bringUp.map((point) => `bring-up: ${point}`), ...found.edit.map((point) => `edit: ${point}`)];
  const wanted = all.filter((point) => point.includes(values.only));
  const chosen = values.sample === undefined ? wanted : sample(wanted, Number(values.sample), values.seed);
  console.log(`${all.length} points, ${chosen.length} of them tried`);
  const failed = await tryAll(trial, files, chosen);
  await trial.lab("reset");
  // A failure is looked into with the log in hand.
  if (failed.length === 0) rmSync(folder, { recursive: true, force: true });
  console.log(`crash points: ${chosen.length - failed.length} passed, ${failed.length + missing.length} failed`);
  if (failed.length + missing.length > 0) process.exitCode = 1;
}

/** Two stack files that differ in what reaches running machines, so that going from one to the other is an edit. */
function stackFiles(folder: string): readonly [string, string] {
  const write = (name: string, value: string): string => {
    const document = parseDocument(readFileSync(labStackFile, "utf8"));
    const at = (...path: string[]) => ["config", "plinth:site", ...path];
    document.setIn(at("kubernetes", "apiServer", "extraArgs", "event-ttl"), value);
    document.setIn(at("machines", "worker-1", "labels", "example.org/edit"), name);
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, document.toString({ lineWidth: 0 }));
    return file;
  };
  return [write("a", "1h0m0s"), write("b", "2h0m0s")];
}

/** Every point of both scenarios; with several runs those that each of them passed. */
async function enumerate(trial: Trial, [a, b]: readonly [string, string], runs: number): Promise<Recorded> {
  let found: Recorded | undefined;
  for (let run = 0; run < runs; run++) {
    const started = Date.now();
    await trial.lab("reset");
    const bringUp = (await trial.crash(a)).passed;
    const edit = (await trial.crash(b)).passed;
    found = {
      bringUp: found === undefined ? bringUp : found.bringUp.filter((point) => bringUp.includes(point)),
      edit: found === undefined ? edit : found.edit.filter((point) => edit.includes(point)),
    };
    console.log(
      `enumerated ${bringUp.length} points of a bring-up and ${edit.length} of an edit in ${seconds(Date.now() - started)}`,
    );
  }
  return found ?? { bringUp: [], edit: [] };
}

function missingPoints(found: Recorded): Point[] {
  if (!existsSync(RECORD)) throw new Error(`${RECORD} is missing; write it with --record`);
  const recorded: Recorded = JSON.parse(readFileSync(RECORD, "utf8"));
  return [
    ...recorded.bringUp.filter((point) => !found.bringUp.includes(point)),
    ...recorded.edit.filter((point) => !found.edit.includes(point)),
  ];
}

async function tryAll(trial: Trial, files: readonly [string, string], points: readonly Point[]): Promise<Point[]> {
  const failed: Point[] = [];
  // Edits first: they need a site that is up, as the enumeration left it, at the second file.
  let current = 1;
  const ordered = [...points].sort((x, y) => Number(y.startsWith("edit: ")) - Number(x.startsWith("edit: ")));
  for (const [index, name] of ordered.entries()) {
    const started = Date.now();
    const isEdit = name.startsWith("edit: ");
    if (isEdit) current = 1 - current;
    else {
      await trial.lab("reset");
      current = 0;
    }
    const file = files[current as 0 | 1];
    let verdict = "ok    ";
    let why = "";
    try {
      const { killed } = await trial.crash(file, name.replace(/^[a-z-]+: /, ""));
      if (!killed) throw new Error("the run ended before it passed this point");
      await trial.finish(file);
    } catch (error) {
      failed.push(name);
      verdict = "FAILED";
      why = `: ${error instanceof Error ? error.message : error}`;
      await trial.lab("reset");
      // The next edit needs a site to edit.
      if (isEdit) await trial.lab("up", "--site", file).catch(() => {});
    }
    console.log(`${verdict} ${index + 1}/${ordered.length} ${name} (${seconds(Date.now() - started)})${why}`);
  }
  return failed;
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
