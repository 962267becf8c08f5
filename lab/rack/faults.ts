import { ProblemError } from "../../components/problem";
import type { Instance } from "../instance/instance";
import { RackRefusal } from "./control";
import { rackControl } from "./rack";

/** Ways a machine can break, and whether the fault takes a number of seconds. */
export const FAULTS: Readonly<Record<string, { readonly does: string; readonly seconds?: boolean }>> = {
  off: { does: "has lost its power" },
  hang: { does: "accepts connections and never answers" },
  refuse: { does: "refuses connections" },
  "boot-failure": { does: "will come back on its old slot after the next upgrade" },
  "api-denied": { does: "denies every call for a while", seconds: true },
  "no-reboot": { does: "will install and not reboot" },
  "ghost-member": { does: "has left a dead member in etcd" },
  "clock-skew": { does: "has a wrong clock", seconds: true },
  "disk-full": { does: "has a full disk" },
  wiped: { does: "has fresh, empty disks and waits in maintenance mode" },
  "denied-after-install": { does: "will deny every call for a while once a system was installed", seconds: true },
  "install-cut": { does: "will lose its power for a moment in its next installation" },
  "stale-member": { does: "will be listed as a member after it has left" },
  "duplicate-address": { does: "has left an old Node with its address" },
};

/** Ways the program in a controller's pods can break. */
export const CONTROLLER_FAULTS: Readonly<Record<string, string>> = {
  crash: "ends as soon as it starts: its pods are not ready",
  hang: "does nothing: its pods are ready, its ports accept and never answer",
};

const CONTROLLER = "controller/";

/** Breaks a machine or `controller/NAME`, or mends it with `none`; returns what to say about it. */
export function breakPart(instance: Instance, part: string, fault: string, seconds?: string): Promise<string> {
  return part.startsWith(CONTROLLER)
    ? breakController(instance, part.slice(CONTROLLER.length), fault)
    : breakMachine(instance, part, fault, seconds);
}

async function breakController(instance: Instance, controller: string, fault: string): Promise<string> {
  const control = rackControl(instance);
  const known = ((await control.status()).clusters ?? []).flatMap(({ controllers }) => controllers);
  const problems = [];
  if (!known.some(({ name }) => name === controller)) {
    const names = known.map(({ name }) => `${CONTROLLER}${name}`).join(", ");
    problems.push({
      path: "machine",
      reason: `no pod of this lab runs a controller ${controller}`,
      fix: names === "" ? "bring up a site with a platform first" : `name one of ${names}`,
    });
  }
  const does = CONTROLLER_FAULTS[fault];
  if (does === undefined && fault !== "none") {
    const names = [...Object.keys(CONTROLLER_FAULTS), "none"].join(", ");
    problems.push({ path: "fault", reason: `a controller has no fault ${fault}`, fix: `name one of ${names}` });
  }
  if (problems.length > 0) throw new ProblemError("Nothing was broken.", problems);
  await control.breakController(controller, fault === "none" ? "" : fault);
  if (does === undefined) return `${controller} is whole again`;
  return `${controller} ${does} (mend it with: npm run lab -- fault ${CONTROLLER}${controller} none)`;
}

async function breakMachine(instance: Instance, machine: string, fault: string, seconds?: string): Promise<string> {
  const control = rackControl(instance);
  const known = (await control.status()).machines.map(({ name }) => name);
  const problems = [];
  if (!known.includes(machine)) {
    problems.push({
      path: "machine",
      reason: `there is no ${machine} in this rack`,
      fix: `name one of ${known.join(", ")}`,
    });
  }
  const kind = FAULTS[fault];
  if (kind === undefined && fault !== "none") {
    problems.push({
      path: "fault",
      reason: `${fault} is not known`,
      fix: `name one of ${Object.keys(FAULTS).join(", ")}, none`,
    });
  }
  const wantsSeconds = kind?.seconds === true;
  if (wantsSeconds && !/^-?\d+$/.test(seconds ?? "")) {
    problems.push({
      path: "seconds",
      reason: `${fault} needs a number of seconds`,
      fix: `write: fault ${machine} ${fault} 30`,
    });
  }
  if (!wantsSeconds && seconds !== undefined) {
    problems.push({ path: "seconds", reason: `${fault} takes no time`, fix: `leave "${seconds}" out` });
  }
  if (problems.length > 0) throw new ProblemError("Nothing was broken.", problems);
  try {
    if (fault === "none") {
      await control.mend(machine);
      return `${machine} is whole again`;
    }
    if (fault === "wiped") {
      await control.wipe(machine);
      return `${machine} ${kind?.does} (install it again: plinth renew <stack file> ${machine}, then npm run lab)`;
    }
    await control.fault(machine, fault, wantsSeconds ? { seconds: Number(seconds) } : {});
  } catch (error) {
    if (!(error instanceof RackRefusal)) throw error;
    throw new ProblemError("Nothing was broken.", [
      { path: machine, reason: error.message, fix: "see: npm run lab -- status" },
    ]);
  }
  return `${machine} ${kind?.does} (mend it with: npm run lab -- fault ${machine} none)`;
}
