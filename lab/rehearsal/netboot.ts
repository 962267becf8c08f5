import { parseArgs } from "node:util";
import { seconds } from "../ticker";
import { bringUp, cutInstallation, issuedAgain, powerCycles, rebuilt, replayedAnswer, wipeOnce } from "./bootcampaign";
import { BootStand } from "./bootstand";

/** Takes five machines from bare metal through everything that has ever made a network boot install twice. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { cycles: { type: "string", default: "20" }, seed: { type: "string", default: String(Date.now()) } },
  });
  const { cycles, seed } = values;
  const stand = new BootStand("netboot");
  const trials: readonly (readonly [string, () => Promise<void>])[] = [
    ["five machines from power-on to Ready over the network", () => bringUp(stand)],
    ["records lost, and the permissions issued again", () => issuedAgain(stand)],
    [
      `${cycles} power cycles, the boot server killed and its records lost`,
      () => powerCycles(stand, Number(cycles), seed),
    ],
    ["an old answer is replayed", () => replayedAnswer(stand, "worker-2")],
    ["a wipe, once", () => wipeOnce(stand, "worker-2", 2)],
    ["power lost inside an installation", () => cutInstallation(stand, "worker-1", 2)],
    ["the cluster is rebuilt", () => rebuilt(stand)],
    [`${cycles} more power cycles`, () => powerCycles(stand, Number(cycles), `${seed} again`)],
  ];
  console.log(`seed ${seed}`);
  try {
    await stand.reset();
    for (const [what, trial] of trials) {
      const started = Date.now();
      await trial();
      console.log(`ok      ${what} (${seconds(Date.now() - started)})`);
    }
  } catch (error) {
    console.log(`FAILED  ${error instanceof Error ? error.message : error}\n        see ${stand.log}`);
    process.exitCode = 1;
  } finally {
    await stand.reset();
  }
}

void main();
