/** `plinth:boot:Intent`: what one machine may boot over the network, kept by a boot server. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { IntentInputs, IntentOutputs } from "../../components/boot/BootIntent";
import { LONGEST, type Permission } from "../../components/boot/intent";
import { decisiveArguments } from "../../components/boot/ipxe";
import {
  bootAction,
  bootGeneration,
  bootImage,
  bootMac,
  bootProof,
  bootUuid,
  diskBoot,
  enrolmentToken,
  signPermission,
} from "../../components/boot/permission";
import { type Problem, ProblemError } from "../../components/problem";
import { type Draft, known, unknown } from "../draft";
import { changesBetween } from "../host/diff";
import type { Change, Context, Resource, State } from "../resource";
import { checkpoint } from "../wait";
import type { BootServer, MachinePermission } from "./server";

/** The outside world of intents; tests hand in one that fails. */
export interface BootDrivers {
  server(context: Context): BootServer;
  /** Private key, PEM. */
  signingKey(context: Context): string;
  /** Devices that have this MAC address in NetBox. */
  devices(mac: string, context: Context): Promise<readonly string[]>;
  now(): number;
}

const inputs = z.strictObject({
  machine: z.string().min(1),
  mac: bootMac,
  uuid: bootUuid,
  action: z.union([bootAction, z.literal("local")]),
  generation: bootGeneration,
  image: bootImage.exactOptional(),
  diskBoot: diskBoot.exactOptional(),
  device: z.string().min(1).exactOptional(),
  minutes: z.int().min(1).exactOptional(),
  proof: bootProof.exactOptional(),
  configuration: z.string().min(1).exactOptional(),
  enrol: z.boolean().exactOptional(),
}) satisfies z.ZodType<IntentInputs>;

const outputs = z.object({
  accepted: z.int().default(0),
  phase: z.enum(["ended", "forgotten", "granted", "leased", "none"]).default("none"),
  end: z.enum(["", "expired", "proof", "revoked", "used"]).default(""),
  enrolment: z.string().exactOptional(),
});

export function intent(drivers: BootDrivers): Resource<IntentInputs, IntentOutputs> {
  return {
    type: "plinth:boot:Intent",
    inputs,
    outputs,
    secrets: ["configuration", "enrolment"],
    limits: { create: 120, read: 60, update: 120, delete: 60 },

    check: async (draft, context) => [...problems(draft), ...(await inventoryProblems(drivers, draft, context))],
    diff(prior, draft) {
      refuseSilence(prior, draft);
      const all = changesBetween(prior.inputs, draft).map(
        (change): Change =>
          change.path === "mac" ? { ...change, replace: "another MAC address is another machine" } : change,
      );
      // It goes out with a permission: to the next one it is news, to the machine that has its own it is none.
      const asksAnew = all.some(({ path }) => path === "generation" || path === "mac");
      const changes = asksAnew ? all : all.filter(({ path }) => path !== "configuration");
      const open = known<IntentInputs>(draft);
      if (open === undefined || isReached(open, prior.outputs)) return changes;
      return [...changes, { path: "accepted", kind: "update", output: true }];
    },
    preview: () => ({}),
    async create(given, context) {
      return { id: given.mac, outputs: await ensure(drivers, given, undefined, context) };
    },
    async update(_id, prior, given, context) {
      return { outputs: await ensure(drivers, given, prior, context) };
    },
    async read(_id, prior, context) {
      if (prior === undefined) throw new Error("an intent cannot be imported: declare it, and it adopts what is there");
      const seen = await drivers.server(context).machine(prior.inputs.mac, context.signal);
      if (seen !== undefined) return { inputs: prior.inputs, outputs: { ...prior.outputs, ...outputsOf(seen) } };
      return { inputs: prior.inputs, outputs: afterLoss(prior, context) };
    },
    async delete(_id, prior, context) {
      await letGo(drivers.server(context), prior.inputs.mac, context);
    },
  };
}

/** Never again asked for by itself: whether the wipe was done is not known any more. */
function afterLoss(
  { inputs: { action, machine }, outputs: before }: State<IntentInputs, IntentOutputs>,
  context: Context,
) {
  if (before.phase === "ended" || before.phase === "none") return before;
  context.log.warn(`the boot server has lost its records of ${machine}: it boots from its disk`);
  return { ...before, phase: "forgotten" as const, accepted: action === "wipe" ? before.accepted : 0 };
}

const isReached = ({ action, generation }: IntentInputs, reached: IntentOutputs): boolean =>
  action === "local" ? ["ended", "forgotten", "none"].includes(reached.phase) : reached.accepted === generation;

async function ensure(
  drivers: BootDrivers,
  given: IntentInputs,
  prior: State<IntentInputs, IntentOutputs> | undefined,
  context: Context,
): Promise<IntentOutputs> {
  const { mac, action, generation, machine, uuid } = given;
  const server = drivers.server(context);
  return context.lease({ name: `boot-${mac}`, doing: "boot intent" }, async () => {
    checkpoint(context.signal);
    if (action === "local") return letGo(server, mac, context);
    const seen = await server.machine(mac, context.signal);
    const enrolment = given.enrol === true ? await enrolmentOf(drivers, given, context) : {};
    if (seen?.generation === generation && seen.uuid === uuid && seen.action === action) {
      return { ...outputsOf(seen), ...enrolment };
    }
    const before = prior?.outputs;
    if (seen === undefined && before?.accepted === generation && action === "wipe") return before;
    if (seen !== undefined && seen.generation >= generation) {
      throw new ProblemError(`${machine} does not get its permission:`, [
        {
          path: "generation",
          reason: `${generation} is not above ${seen.generation}, which the boot server has seen for ${mac}`,
          fix: `write ${seen.generation + 1}`,
        },
      ]);
    }
    const { session } = await server.about(context.signal);
    const key = drivers.signingKey(context);
    const permission = await signPermission(
      permissionOf(given, drivers.now(), key, seen === undefined && wasAccepted(given, prior)),
      session,
      key,
    );
    checkpoint(context.signal);
    await context.audit({
      act: action,
      target: `${machine}/${mac}`,
      detail: `allow it once, generation ${generation}`,
    });
    return { ...outputsOf(await server.grant(permission, given.configuration)), ...enrolment };
  });
}

async function letGo(server: BootServer, mac: string, { signal }: Context): Promise<IntentOutputs> {
  const seen = await server.machine(mac, signal);
  checkpoint(signal);
  const now = seen === undefined || seen.phase === "ended" ? seen : await server.revoke(mac);
  return now === undefined ? { accepted: 0, phase: "none", end: "" } : outputsOf(now);
}

/** The machine puts its own UUID in place of the variable; the token alone is worth nothing to another one. */
async function enrolmentOf(drivers: BootDrivers, given: IntentInputs, context: Context) {
  const { configurationUrl } = await drivers.server(context).about(context.signal);
  if (configurationUrl === undefined) {
    const fix = "start it with --configuration-url and a certificate, or leave enrol out";
    throw new ProblemError(`${given.machine} cannot enrol:`, [
      { path: "enrol", reason: "the boot server hands out no configurations", fix },
    ]);
  }
  const token = enrolmentToken(given, drivers.signingKey(context));
  return { enrolment: `talos.config=${configurationUrl}/enrol/${token}?uuid=\${uuid}` };
}

/** Whether a boot server had this generation before it lost its records: what it was for may be done. */
function wasAccepted({ generation, action }: IntentInputs, prior: State<IntentInputs, IntentOutputs> | undefined) {
  if (prior === undefined || action !== "install") return false;
  const { accepted, phase } = prior.outputs;
  return accepted === generation || (phase === "forgotten" && prior.inputs.generation === generation);
}

function permissionOf(given: IntentInputs, now: number, key: string, reissued: boolean): Permission {
  const { mac, uuid, action, generation, image, proof, configuration } = given;
  if (action === "local" || image === undefined) throw new Error("unreachable: check asks for an image");
  const minutes = given.minutes ?? (action === "wipe" ? 60 : 120);
  return {
    ...{ mac, uuid, action, generation, image },
    diskBoot: given.diskBoot ?? "exit",
    issued: now,
    expires: now + minutes * 60_000,
    ...(proof !== undefined && { proof }),
    ...(configuration !== undefined && { configuration: sha256(configuration) }),
    ...(given.enrol === true && { enrolment: sha256(enrolmentToken(given, key)) }),
    ...(reissued && { reissued }),
  };
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function outputsOf({ generation, phase, end }: MachinePermission): IntentOutputs {
  return { accepted: generation, phase, end: end ?? "" };
}

/** NetBox knows which machine has which address; a wrong one would install another machine. */
async function inventoryProblems(
  drivers: BootDrivers,
  draft: Draft<IntentInputs>,
  context: Context,
): Promise<Problem[]> {
  if (draft === unknown) return [];
  const { mac, device } = draft;
  if (device === undefined || device === unknown || mac === unknown) return [];
  const names = await drivers.devices(mac, context);
  if (names.length === 1 && names[0] === device) return [];
  const reason =
    names.length === 0
      ? `no device of NetBox has ${mac}`
      : `${mac} belongs to ${names.join(" and ")} in NetBox, not to ${device}`;
  return [{ path: "mac", reason, fix: "correct the address here or in NetBox, or leave device out" }];
}

function problems(draft: Draft<IntentInputs>): readonly Problem[] {
  if (draft === unknown) return [];
  const found: Problem[] = [];
  const add = (path: string, reason: string, fix: string) => found.push({ path, reason, fix });
  const { action, minutes } = draft;
  if (action === unknown || action === "local") return found;
  if (draft.image === undefined) add("image", `is missing for ${action}`, "give the image of a boot profile");
  const args = draft.image === undefined || draft.image === unknown ? undefined : known(draft.image.args);
  for (const arg of decisiveArguments((args as readonly string[] | undefined) ?? [])) {
    add(
      "image.args",
      `"${arg}" decides over what is on the disk`,
      "leave it out: the action says what may happen to it",
    );
  }
  if (typeof minutes === "number" && minutes * 60_000 > LONGEST[action]) {
    add("minutes", `${minutes} is too long for ${action}`, `give at most ${LONGEST[action] / 60_000}`);
  }
  if (draft.configuration !== undefined && action !== "install") {
    add("configuration", `means nothing for ${action}`, "leave it out");
  }
  if (draft.enrol === true && (action !== "install" || draft.configuration === undefined)) {
    add("enrol", "hands out the configuration of an install, and there is none", "give configuration, or leave it out");
  }
  return found;
}

/** A change that the boot server would not take, said before anything is done. */
function refuseSilence(prior: State<IntentInputs, IntentOutputs>, draft: Draft<IntentInputs>): void {
  if (draft === unknown) return;
  const { action, uuid, mac, generation } = draft;
  if (action === unknown || action === "local" || generation === unknown || mac !== prior.inputs.mac) return;
  const changed = [
    ...(action === prior.inputs.action || prior.inputs.action === "local" ? [] : ["action"]),
    ...(uuid === unknown || uuid === prior.inputs.uuid ? [] : ["uuid"]),
  ];
  const last = Math.max(prior.outputs.accepted, 0);
  const goesBack = generation < last;
  const again = generation === last && (changed.length > 0 || prior.inputs.action === "local");
  if (last === 0 || !(goesBack || again)) return;
  throw new ProblemError("This change of the intent is refused:", [
    {
      path: "generation",
      reason: goesBack
        ? `${generation} is below ${last}, which was used`
        : `${last} was used already, and ${changed.join(" and ") || "the action"} changes`,
      fix: `write ${last + 1}`,
    },
  ]);
}
