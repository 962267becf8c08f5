/** `plinth:hardware:Match`: looks at a machine before it is installed. Changes nothing, ever. */
import { z } from "zod";
import { checkHardware, DIFFERENCES, differenceOf } from "../../components/hardware/check";
import type { HardwareFacts } from "../../components/hardware/facts";
import type { MatchInputs, MatchOutputs } from "../../components/hardware/HardwareMatch";
import { loadProfile, profileNames } from "../../components/hardware/profile";
import { formatProblem, ProblemError } from "../../components/problem";
import { changesBetween } from "../host/diff";
import type { Context, Resource } from "../resource";
import type { Face } from "../talosctl/probe";
import { waitFor } from "../wait";

/** The machine as seen from outside; tests hand in one that fails. */
export interface HardwareDrivers {
  face(address: string, signal: AbortSignal): Promise<Face>;
  read(address: string, signal: AbortSignal): Promise<HardwareFacts>;
  /** Pause between two looks, in milliseconds. */
  readonly pollMs: number;
}

/** Longest wait for a machine that boots, in seconds: as long as for its first configuration. */
const BOOT = 600;

const word = z.string().min(1);
const inputs = z.strictObject({
  machine: word,
  address: z.union([z.ipv4(), z.ipv6()]),
  profile: z.enum(profileNames()),
  declared: z.strictObject({
    mac: word,
    disk: z.union([
      z.strictObject({ wwid: word }),
      z.strictObject({ serial: word }),
      z.strictObject({
        selector: z.strictObject({
          type: z.enum(["hdd", "nvme", "sd", "ssd"]).optional(),
          model: word.optional(),
          size: word.optional(),
          busPath: word.optional(),
        }),
      }),
    ]),
    uuid: word.exactOptional(),
    image: z.strictObject({ extensions: z.array(word), kernelArgs: z.array(word) }).exactOptional(),
  }),
  allow: z.array(z.enum(DIFFERENCES)).exactOptional(),
  generation: z.int().min(1).exactOptional(),
}) satisfies z.ZodType<MatchInputs>;

const outputs = z.object({ uuid: z.string().default(""), accepted: z.array(z.string()).default([]) });

export function hardwareMatch(drivers: HardwareDrivers): Resource<MatchInputs, MatchOutputs> {
  return {
    type: "plinth:hardware:Match",
    inputs,
    outputs,
    secrets: [],
    limits: { create: BOOT + 60, read: 30, update: BOOT + 60, delete: 30 },

    check: () => [],
    diff: (prior, draft) => changesBetween(prior.inputs, draft),
    preview: () => ({}),
    create: async (given, context) => ({ id: given.machine, outputs: await compare(drivers, given, context) }),
    update: async (_id, _prior, given, context) => ({ outputs: await compare(drivers, given, context) }),
    async read(_id, prior, context) {
      if (prior === undefined) throw new Error("a comparison cannot be imported: declare it");
      const { address } = prior.inputs;
      // What was seen before the installation stays true; one that was wiped can be asked anew who it is.
      if ((await drivers.face(address, context.signal)) !== "maintenance") return prior;
      const { uuid } = await drivers.read(address, context.signal);
      return { inputs: prior.inputs, outputs: { ...prior.outputs, uuid } };
    },
    delete: async () => undefined,
  };
}

async function compare(drivers: HardwareDrivers, given: MatchInputs, context: Context): Promise<MatchOutputs> {
  const { machine, address, profile, declared, allow = [] } = given;
  const face = await waitFor(
    {
      what: machine,
      seconds: BOOT,
      intervalMs: drivers.pollMs,
      signal: context.signal,
      progress: context.log.progress,
    },
    async () => {
      const seen = await drivers.face(address, context.signal);
      return seen === "absent" ? { missing: `nothing answers at ${address} yet` } : { done: seen };
    },
  );
  // It has a configuration: there is nothing left to keep from it, and it tells strangers nothing.
  if (face !== "maintenance") return { uuid: "", accepted: [] };
  const facts = await drivers.read(address, context.signal);
  const found = checkHardware(loadProfile(profile), facts, declared);
  const isAllowed = (path: string) => allow.includes(differenceOf(path));
  const refused = found.filter(({ path }) => !isAllowed(path));
  if (refused.length > 0) {
    const names = [...new Set(refused.map(({ path }) => differenceOf(path)))];
    throw new ProblemError(`${machine} is not what the site file says, and is not installed:`, [
      ...refused,
      {
        path: `machines.${machine}.allowHardware`,
        reason: `does not name ${names.join(", ")}`,
        fix: `correct what differs, or accept it: allowHardware: [${names.join(", ")}]`,
      },
    ]);
  }
  const accepted = found.map(formatProblem);
  for (const sentence of accepted) context.log.warn(`${machine}: accepted: ${sentence}`);
  return { uuid: facts.uuid, accepted };
}
