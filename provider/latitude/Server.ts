import { z } from "zod";
import type { ServerInputs, ServerOutputs } from "../../components/machine/latitude/LatitudeServer";
import { remainingBill } from "../../components/machine/latitude/plans";
import { ProblemError } from "../../components/problem";
import { type Draft, known, unknown } from "../draft";
import { changesBetween } from "../host/diff";
import { sentence } from "../host/failure";
import type { Change, Context, Reached, Resource } from "../resource";
import { checkpoint, waitFor } from "../wait";
import type { Latitude, Server } from "./api";
import { refuseAnother, refuseEarlier, serverProblems } from "./check";
import { type LatitudeDrivers, withLatitude } from "./drivers";
import { findOrOrder, noteName } from "./order";

/** Longest wait for a server that was ordered, in seconds. */
const READY = 45 * 60;
/** Longest wait until a server that was given back is gone. */
const GONE = 10 * 60;
/** Looks in a row that must find nothing before a server counts as taken back: right after an order it may not be seen yet. */
const MISSED = 3;

const inputs = z.strictObject({
  project: z.string().min(1),
  site: z.string().min(1),
  plan: z.string().min(1),
  hostname: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "is no host name of one label in lower case"),
  billing: z.enum(["hourly", "monthly", "yearly"]).exactOptional(),
  ipxe: z.url({ protocol: /^https?$/, error: "is not an http or https URL" }),
  gpu: z.boolean().exactOptional(),
  generation: z.int().min(1).exactOptional(),
}) satisfies z.ZodType<ServerInputs>;

const outputs = z.object({
  serverId: z.string().default(""),
  status: z.string().default(""),
  address: z.string().default(""),
  gateway: z.string().default(""),
  prefixLength: z.int().default(0),
  publicMac: z.string().default(""),
  privateMac: z.string().default(""),
  rack: z.string().default(""),
  orderedAt: z.number().default(0),
});

/** Inputs that say nothing about a server that exists. */
const AT_ORDER: readonly string[] = ["ipxe", "gpu"] satisfies (keyof ServerInputs)[];

export function latitudeServer(drivers: LatitudeDrivers): Resource<ServerInputs, ServerOutputs> {
  return {
    type: "plinth:latitude:Server",
    inputs,
    outputs,
    secrets: [],
    limits: { create: READY + 600, read: 120, update: READY + 600, delete: GONE + 300 },

    check: (draft, context, accepted) => serverProblems(drivers, draft, context, accepted),
    diff(prior, draft) {
      const changes = changesBetween(prior.inputs, draft).filter(({ path }) => !AT_ORDER.includes(path));
      const renewed = changes.some(({ path }) => path === "generation");
      if (renewed) refuseEarlier(prior.inputs, draft);
      if (!renewed)
        refuseAnother(
          changes.filter(({ path }) => isKnown(draft, path)),
          prior.inputs,
        );
      const reasoned = changes.map(
        (change): Change => (renewed ? { ...change, replace: "a higher generation asks for another server" } : change),
      );
      if (known<ServerInputs>(draft) === undefined || isReady(prior.outputs)) return reasoned;
      return [...reasoned, { path: "status", kind: "update", output: true }];
    },
    preview: () => ({}),
    create: (given, context) =>
      withLatitude(drivers, context, (api) => {
        const hold = { name: `latitude-${given.project}-${given.hostname}`, doing: "order of a server" };
        return context.lease(hold, async () => {
          const server = await findOrOrder(drivers, api, given, context);
          return { id: server.id, ...(await finish(drivers, api, server, given, context)) };
        });
      }),
    update: (_id, prior, given, context) =>
      withLatitude(drivers, context, async (api) => {
        // What was not known at preview is known now.
        const changed = changesBetween(prior.inputs, given).filter(({ path }) => !AT_ORDER.includes(path));
        refuseAnother(changed, prior.inputs);
        const server = await api.server(prior.outputs.serverId, context.signal);
        if (server !== undefined) return finish(drivers, api, server, given, context);
        const gone = `${given.hostname} (${prior.outputs.serverId}) is gone at Latitude.sh: pulumi refresh, then update again`;
        return { outputs: { ...prior.outputs, status: "gone" }, failures: [gone] };
      }),
    async read(id, prior, context) {
      if (prior === undefined) throw new Error("a server cannot be imported: declare it, and its name finds it");
      return withLatitude(drivers, context, async (api) => {
        const server = await api.server(prior.outputs.serverId || id, context.signal);
        if (server === undefined) return undefined;
        const { billing: _, ...rest } = prior.inputs;
        const stated =
          server.billing === "hourly" && prior.inputs.billing === undefined ? {} : { billing: server.billing };
        return { inputs: { ...rest, ...stated }, outputs: await told(api, server, context.signal) };
      });
    },
    delete: (id, prior, context) =>
      withLatitude(drivers, context, async (api) => {
        await giveBack(drivers, api, prior.outputs.serverId || id, context);
        await drivers.notes.forget(noteName(prior.inputs));
      }),
  };
}

const isKnown = (draft: Draft<ServerInputs>, path: string): boolean =>
  draft !== unknown && draft[path as keyof ServerInputs] !== unknown;

const isReady = ({ status, address, gateway }: ServerOutputs): boolean =>
  status !== "" && !status.startsWith("failed") && status !== "gone" && address !== "" && gateway !== "";

/** From a server that exists to one that can be used; what goes wrong on the way is told, and the server not lost. */
async function finish(
  drivers: LatitudeDrivers,
  api: Latitude,
  server: Server,
  given: ServerInputs,
  context: Context,
): Promise<Reached<ServerOutputs>> {
  let reached = outputsOf(server);
  try {
    const { billing = "hourly" } = given;
    checkpoint(context.signal);
    if (server.billing !== billing) await api.bill(server.id, billing);
    reached = await ready(drivers, api, server, context, (seen) => {
      reached = seen;
    });
    return { outputs: reached };
  } catch (error) {
    return { outputs: reached, failures: [`${given.hostname} (${server.id}): ${sentence(error)}`] };
  }
}

async function ready(
  { pollMs }: LatitudeDrivers,
  api: Latitude,
  { id, hostname }: Server,
  context: Context,
  onLook: (seen: ServerOutputs) => void,
): Promise<ServerOutputs> {
  let missed = 0;
  let switched = false;
  const { signal, log } = context;
  return waitFor(
    { what: `${hostname} ready`, seconds: READY, intervalMs: pollMs, signal, progress: log.progress },
    async () => {
      const server = await api.server(id, signal);
      missed = server === undefined ? missed + 1 : 0;
      if (missed >= MISSED) throw new Error("Latitude.sh took it back: pulumi refresh, then update again");
      if (server === undefined) return { missing: "it is not there yet" };
      if (server.status.startsWith("failed")) {
        onLook(outputsOf(server));
        throw new Error(
          `Latitude.sh could not deploy it (${server.status}): raise the machine's generation to get another one; this one is billed until then`,
        );
      }
      const seen = await told(api, server, signal);
      onLook(seen);
      if (server.status === "rescue_mode") {
        throw new Error(
          `it is in rescue mode: plinth machines power --provider latitude --project … ${hostname} normal, then update again`,
        );
      }
      if (server.status === "off" && !switched) {
        checkpoint(signal);
        await context.audit({ act: "power", target: hostname, detail: `switches the server ${id} on` });
        await api.power(id, "on");
        switched = true;
      }
      return server.status === "on" && isReady(seen) ? { done: seen } : { missing: server.status };
    },
  );
}

async function told(api: Latitude, server: Server, signal: AbortSignal): Promise<ServerOutputs> {
  const route = server.address === undefined ? undefined : await api.route(server.id, signal);
  return { ...outputsOf(server), ...(route !== undefined && route) };
}

function outputsOf({ id, status, address, publicMac, privateMac, rack, orderedAt }: Server): ServerOutputs {
  return {
    serverId: id,
    status,
    address: address ?? "",
    gateway: "",
    prefixLength: 0,
    publicMac: publicMac ?? "",
    privateMac: privateMac ?? "",
    rack: rack ?? "",
    orderedAt: orderedAt ?? 0,
  };
}

/** Gives the server back, waits until it is gone, and says what is still billed. */
async function giveBack(drivers: LatitudeDrivers, api: Latitude, id: string, context: Context): Promise<void> {
  const { signal, log } = context;
  const server = await api.server(id, signal);
  if (server === undefined) return;
  if (server.locked) {
    throw new ProblemError(`${server.hostname} is not given back:`, [
      {
        path: "",
        reason: `${id} is locked at Latitude.sh`,
        fix: "unlock it there if it may go, and run the same command again",
      },
    ]);
  }
  checkpoint(signal);
  await context.audit({
    act: "destroy",
    target: server.hostname,
    detail: `gives the server ${id} back to Latitude.sh`,
  });
  // Its place in virtual networks goes with it, and not before: until now the site may have needed it there.
  for (const { id: assignment, server: of } of await api.assignments({ server: id }, signal)) {
    checkpoint(signal);
    if (of === id) await api.unassign(assignment);
  }
  checkpoint(signal);
  await api.release(id);
  const options = { what: `${server.hostname} given back`, seconds: GONE, intervalMs: drivers.pollMs, signal };
  await waitFor({ ...options, progress: log.progress }, async () => {
    const left = await api.server(id, signal);
    return left === undefined ? { done: true } : { missing: `it is still there (${left.status})` };
  });
  log.info(
    `${server.hostname} (${id}) is given back: ${remainingBill(server.billing, server.orderedAt, drivers.now())}`,
  );
}
