import { bringUp, powerCycles, rebuilt, wipeOnce } from "../../lab/rehearsal/bootcampaign";
import { BootStand } from "../../lab/rehearsal/bootstand";
import type { LabStatus } from "../../lab/status/status";

/** A sample of `npm run test:netboot`: the tests run in order on one rack, and each goes on from the one before. */
jest.setTimeout(1_200_000);

const stand = new BootStand("test-boot");

// A run that was killed leaves an instance of an older state behind.
beforeAll(() => stand.reset());
afterAll(() => stand.reset());

test("five machines come from power-on to Ready over the network, each installed once", async () => {
  await bringUp(stand);
  const status: LabStatus = JSON.parse(await stand.must("status", "--json"));
  expect(status.nodes?.map(({ ready }) => ready)).toEqual(Array(5).fill(true));
});

test("power cycles, a killed boot server and lost records reinstall nothing", () => powerCycles(stand, 5, "sample"));

test("a wipe intent works once", () => wipeOnce(stand, "worker-2", 2));

test("a rebuilt cluster has the same addresses and the same identity", () => rebuilt(stand));
