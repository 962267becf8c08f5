import { rmSync } from "node:fs";
import type { Instance } from "../instance/instance";
import { stopBootServer } from "../rack/boot";
import { stopNetBox } from "../rack/netbox";
import { stopRack } from "../rack/rack";
import { command } from "../status/summary";
import type { Ticker } from "../ticker";

/** Switches the machines off. Disks and state stay, so `up` goes on where it stopped. */
export async function down(instance: Instance, ticker: Ticker): Promise<void> {
  const ran = await ticker.during(
    () => "switching the machines off",
    () => switchOff(instance),
  );
  ticker.line(
    ran
      ? `lab instance ${instance.name} is down; go on with: ${tell(instance, "up")}`
      : `lab instance ${instance.name} was not running`,
  );
}

/** Removes the instance: machines, disks, state, access files. */
export async function reset(instance: Instance, ticker: Ticker): Promise<void> {
  await ticker.during(
    () => "switching the machines off",
    () => switchOff(instance),
  );
  const existed = instance.exists;
  rmSync(instance.folder, { recursive: true, force: true });
  ticker.line(
    existed
      ? `lab instance ${instance.name} is gone; begin anew with: ${tell(instance, "up")}`
      : `there was no lab instance ${instance.name}`,
  );
}

/** Ends every process of the instance. Returns whether machines ran. */
async function switchOff(instance: Instance): Promise<boolean> {
  const ran = await stopRack(instance);
  await stopNetBox(instance);
  await stopBootServer(instance);
  return ran;
}

function tell(instance: Instance, words: string): string {
  return command({ instance: instance.name }, words);
}
