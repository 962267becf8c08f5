import { execFileSync } from "node:child_process";
import { bringUp, issuedAgain, powerCycles, rebuilt, wipeOnce } from "../../lab/rehearsal/bootcampaign";
import { BootStand } from "../../lab/rehearsal/bootstand";
import type { LabStatus } from "../../lab/status/status";

/** A sample of `npm run test:netboot`: the tests run in order on one rack, and each goes on from the one before. */
jest.setTimeout(1_200_000);

const stand = new BootStand("test-boot");
/** Other machines in another order for every commit. */
const seed = process.env.PLINTH_SEED ?? execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).trim();

// A run that was killed leaves an instance of an older state behind.
beforeAll(() => stand.reset());
afterAll(() => stand.reset());

test("five machines come from power-on to Ready over the network, each installed once", async () => {
  await bringUp(stand);
  const status: LabStatus = JSON.parse(await stand.must("status", "--json"));
  expect(status.nodes?.map(({ ready }) => ready)).toEqual(Array(5).fill(true));
});

test("permissions that are issued again after lost records install nothing, and halt nobody", () => issuedAgain(stand));

test("power cycles, a killed boot server and lost records reinstall nothing", async () => {
  console.log(`power cycles drawn by the seed ${seed}`);
  await powerCycles(stand, 6, seed);
});

test("a wipe intent works once", () => wipeOnce(stand, "worker-2", 2));

test("a rebuilt cluster has the same addresses and the same identity", () => rebuilt(stand));
