/** What is done to machines that boot over the network. Each part throws when a machine was installed or wiped unasked. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { installScript } from "../../components/boot/ipxe";
import type { BootStand } from "./bootstand";

/** From power-on to Ready; each machine is installed once, and each permission ends by what the new system shows. */
export async function bringUp(stand: BootStand): Promise<void> {
  await stand.must("up", "--site", stand.file);
  const { client } = await stand.server();
  await stand.until("every installation ends by proof", 60, async () => {
    const machines = await client.machines(AbortSignal.timeout(5000));
    return machines.length > 0 && machines.every(({ end }) => end === "proof");
  });
  for (const [name, installs] of Object.entries(await stand.installs())) strictEqual(installs, 1, `${name} installed`);
  await stand.must("preview", "--expect-no-changes");
}

/**
 * Power cycles of machines drawn by the seed, some in the middle of a boot. Meanwhile the boot server is killed, comes
 * back, loses every record, and comes back.
 */
export async function powerCycles(stand: BootStand, count: number, seed: string): Promise<void> {
  const before = await stand.installs();
  const wipes = answers(stand, "wipe").length;
  const names = Object.keys(before);
  const draw = (cycle: number, below: number) =>
    createHash("sha256").update(`${seed}\n${cycle}`).digest().readUInt32BE(0) % below;
  const at = (part: number) => Math.floor(count * part);
  for (let cycle = 0; cycle < count; cycle++) {
    if (cycle === at(0.3) || cycle === at(0.6)) await stand.killServer();
    if (cycle === at(0.6)) stand.loseRecords();
    if (cycle === at(0.45) || cycle === at(0.8)) await stand.server();
    const name = names[draw(cycle, names.length)] ?? "";
    const { bootId } = await stand.machine(name);
    await stand.cycle(name);
    if (draw(cycle + count, 3) === 0) await sleep(draw(cycle, 1500));
    else {
      await stand.until(`${name} boots`, 60, async () => (await stand.machine(name)).bootId !== bootId);
      await stand.allRun();
    }
  }
  await stand.server();
  await stand.allRun();
  deepStrictEqual(await stand.installs(), before, "a power cycle installed something");
  for (const { name, slot } of await stand.machines()) strictEqual(slot, "A", `${name} boots another system`);
  strictEqual(answers(stand, "wipe").length, wipes, "a power cycle was answered with a wipe");
}

/**
 * The boot server loses its records while the stack remembers open permissions; a refresh and an update issue them anew.
 * Machines that are installed show themselves, and nothing halts on an installer that nobody asked for.
 */
export async function issuedAgain(stand: BootStand): Promise<void> {
  const before = await stand.installs();
  const asked = answers(stand, "install").length;
  const machines = Object.keys(before);
  // The stack was last told that they are open: that is what a loss makes it issue again.
  await stand.killServer();
  stand.loseRecords();
  await stand.refresh();
  await stand.must("up", "--site", stand.file);
  const { client } = await stand.server();
  const permissions = async () => client.machines(AbortSignal.timeout(5000));
  ok((await permissions()).length > 0, "nothing was issued again");
  for (const name of machines) await stand.cycle(name);
  await stand.allRun();
  await stand.until("every permission ends by proof", 60, async () =>
    (await permissions()).every(({ end }) => end === "proof"),
  );
  for (const name of machines) await stand.cycle(name);
  await stand.allRun();
  strictEqual(answers(stand, "install").length, asked, "a machine that is installed was handed an installer");
  deepStrictEqual(await stand.installs(), before, "a permission that was issued again installed something");
}

/** An old answer that lets install: the machine halts on its system, and runs again when the boot server answers. */
export async function replayedAnswer(stand: BootStand, name: string): Promise<void> {
  const before = await stand.installs();
  const { image } = await stand.plan(name);
  await stand.replaying(installScript(image, undefined), async () => {
    await stand.cycle(name);
    await stand.until(`${name} halts`, 60, async () => (await stand.machine(name)).stage === "halted");
  });
  await stand.cycle(name);
  await stand.allRun();
  deepStrictEqual(await stand.installs(), before, "an old answer installed something");
}

/** A declared wipe: done at the next boot, once; the machine is installed again, and boots from its disk from then on. */
export async function wipeOnce(stand: BootStand, name: string, generation: number): Promise<void> {
  const before = await stand.installs();
  const wipes = answers(stand, "wipe").length;
  stand.edit(["machines", name, "boot", "action"], "wipe");
  stand.edit(["machines", name, "generation"], generation);
  const refused = await stand.up();
  ok(!refused.ok && /it still runs/.test(refused.output), `a machine that runs was let go: ${refused.output}`);
  await stand.cycle(name);
  await stand.until(`${name} is wiped`, 90, async () => (await stand.machine(name)).stage === "maintenance");
  strictEqual(answers(stand, "wipe").length, wipes + 1);
  await stand.must("up", "--site", stand.file);
  await stand.cycle(name);
  await stand.allRun();
  deepStrictEqual(await stand.installs(), { ...before, [name]: (before[name] ?? 0) + 1 });
  strictEqual(answers(stand, "wipe").length, wipes + 1, "the wipe was done twice");
}

/** The power is lost inside an installation: it begins anew, under the same permission, and ends whole. */
export async function cutInstallation(stand: BootStand, name: string, generation: number): Promise<void> {
  const before = await stand.installs();
  const asked = answers(stand, "install").length;
  await stand.emptyDisksAndCut(name);
  stand.edit(["machines", name, "generation"], generation);
  for (let tries = 0; !(await stand.up()).ok; tries++) ok(tries < 2, `${name} is not installed, see ${stand.log}`);
  await stand.allRun();
  deepStrictEqual(await stand.installs(), { ...before, [name]: (before[name] ?? 0) + 1 });
  ok(answers(stand, "install").length >= asked + 2, "the installer was not asked for again");
}

/** Destroyed and built again: the same addresses and identity, by the systems that are on the disks. */
export async function rebuilt(stand: BootStand): Promise<void> {
  const before = await stand.installs();
  const claimed = await stand.addresses();
  // Whoever claimed anew would begin at another address.
  stand.edit(["pools", "workers", "range"], "127.87.0.15-127.87.0.29");
  const output = await stand.must("rebuild", "--yes");
  ok(/is rebuilt: the same \d+ addresses and marks of identity/.test(output), output);
  await stand.allRun();
  deepStrictEqual(await stand.installs(), before, "a rebuild needs no installation");
  deepStrictEqual(await stand.addresses(), claimed, "a machine has another address");
  await stand.must("preview", "--expect-no-changes");
}

const answers = (stand: BootStand, boot: string) =>
  stand.audit().filter((entry) => entry.event === "answer" && entry.boot === boot);
