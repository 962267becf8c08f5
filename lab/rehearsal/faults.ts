import { parseArgs } from "node:util";
import { sample } from "../crash/point";
import { FAULTS } from "../rack/faults";
import { seconds } from "../ticker";
import { type Ended, Stand } from "./stand";
import { TRIALS, type Trial } from "./trials";

/**
 * Every fault of the lab during an upgrade, one after the other: each ends in success, or in a halt that says what a person
 * does next; mended, the next update finishes, and every machine runs what was asked for. etcd never loses its quorum, and
 * no sound machine reboots twice.
 *
 * One site goes to and fro between two patches of one minor. `--sample N --seed S` tries N of the faults, chosen by the
 * seed; `--only TEXT` those that contain a text.
 */
const PATCHES = ["v1.13.0", "v1.13.9"] as const;
const KUBERNETES = "v1.36.3";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sample: { type: "string" },
      seed: { type: "string", default: "" },
      only: { type: "string", default: "" },
    },
  });
  const known = TRIALS.filter(({ fault }) => fault in FAULTS);
  const untried = Object.keys(FAULTS).filter((fault) => !known.some((trial) => trial.fault === fault));
  const names = known.map(nameOf).filter((name) => name.includes(values.only));
  const chosen = values.sample === undefined ? names : sample(names, Number(values.sample), values.seed);
  const stand = new Stand("faults", {
    available: { talos: PATCHES, kubernetes: [KUBERNETES] },
    contract: "v1.13",
  });
  const failed = untried.map((fault) => `${fault}: nobody has said how an upgrade ends with it`);
  for (const reason of failed) console.log(`FAILED ${reason}`);
  try {
    await stand.reset();
    const made = await stand.up({ talos: PATCHES[0], kubernetes: KUBERNETES }, { watch: false });
    if (!made.ok) throw new Error(`the lab did not come up, see ${stand.logFile}`);
    let at = 0;
    for (const trial of known.filter((each) => chosen.includes(nameOf(each)))) {
      const started = Date.now();
      at = 1 - at;
      const wrong = await attempt(stand, trial, PATCHES[at as 0 | 1]);
      console.log(`${wrong.length === 0 ? "ok    " : "FAILED"} ${nameOf(trial)} (${seconds(Date.now() - started)})`);
      for (const reason of wrong) console.log(`       ${reason}`);
      failed.push(...wrong);
    }
  } finally {
    await stand.reset();
  }
  console.log(`faults: ${chosen.length} tried, ${failed.length} complaints; the whole output is in ${stand.logFile}`);
  if (failed.length > 0) process.exitCode = 1;
}

function nameOf({ fault, machine }: Trial): string {
  return `${fault} on ${machine}`;
}

/** What was not as it should be; empty if all was. */
async function attempt(
  stand: Stand,
  { fault, machine, seconds: length, ends, remedy }: Trial,
  talos: string,
): Promise<string[]> {
  const versions = { talos, kubernetes: KUBERNETES };
  if (fault === "wiped") await stand.control.wipe(machine);
  else await stand.control.fault(machine, fault, length === undefined ? {} : { seconds: length });
  const first = await stand.up(versions);
  await stand.control.mend(machine);
  if (remedy === "renew") stand.renew(machine);
  const wrong: string[] = [];
  if (ends === "success") {
    if (!first.ok) wrong.push(`it halted: ${reasonIn(first.output)}`);
  } else if (first.ok) wrong.push("it succeeded, and should have halted");
  else if (!ends.test(first.output)) wrong.push(`it halted for another reason: ${reasonIn(first.output)}`);
  const cordoned = await stand.cordoned();
  if (cordoned.length > 0) wrong.push(`${cordoned.join(", ")} stayed cordoned`);
  const second = first.ok ? undefined : await stand.up(versions);
  if (second?.ok === false) wrong.push(`mended, it halted again: ${reasonIn(second.output)}`);
  wrong.push(...(await stand.differences(versions)));
  const runs: readonly Ended[] = second === undefined ? [first] : [first, second];
  for (const { quorumLost } of runs) if (quorumLost.length > 0) wrong.push(`etcd had no quorum at ${quorumLost[0]}`);
  for (const name of Object.keys(first.boots)) {
    const boots = runs.reduce((sum, each) => sum + (each.boots[name] ?? 0), 0);
    // The broken machine may boot more often: into the new slot and back, or with its power.
    if (name !== machine && boots !== 1) wrong.push(`${name} booted ${boots} times instead of once`);
  }
  return wrong;
}

/** The line that says why an update failed. */
function reasonIn(output: string): string {
  const lines = output.split("\n").filter((line) => /run the update again|error|refused|problem/i.test(line));
  return lines.at(-1)?.trim() ?? "it does not say why";
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
