/** Orders a server at most once, whatever was lost on the way. */
import type { ServerInputs } from "../../components/machine/latitude/LatitudeServer";
import { ProblemError } from "../../components/problem";
import type { Context } from "../resource";
import { checkpoint, sleep } from "../wait";
import { type Latitude, LatitudeError, type Server } from "./api";
import type { LatitudeDrivers } from "./drivers";

/** An order that was begun longer ago than this is in every list if it was made, in milliseconds. */
const SETTLED = 30 * 60_000;

/**
 * A server that this host has not ordered counts as left by a killed run of another host only so long after its order,
 * in milliseconds: an older one is somebody's, and it would be given back with this site.
 */
const RECENT = 60 * 60_000;

/** Name under which an order is noted on this host. */
export const noteName = ({ project, hostname }: Pick<ServerInputs, "project" | "hostname">): string =>
  `${project}/${hostname}`;

/** The server of that name: found, or ordered. Throws only when nothing was ordered, or nobody can know. */
export async function findOrOrder(
  drivers: LatitudeDrivers,
  api: Latitude,
  wanted: ServerInputs,
  context: Context,
): Promise<Server> {
  const { project, plan, site, hostname, billing = "hourly", ipxe } = wanted;
  const name = noteName(wanted);
  const found = (await existing(drivers, api, wanted, context.signal)) ?? (await noted(drivers, api, wanted, context));
  if (found !== undefined) {
    context.log.info(`${hostname} was ordered before (${found.id}): nothing is ordered`);
    return found;
  }
  checkpoint(context.signal);
  await context.audit({ act: "order", target: name, detail: `a ${plan} in ${site}, ${billing}` });
  const at = drivers.now();
  await drivers.notes.write(name, { at });
  try {
    const server = await api.order({ project, plan, site, hostname, billing, ipxe });
    // From here on it exists: a disk that is full must not make anybody think otherwise.
    await drivers.notes.write(name, { at, id: server.id }).catch(() => undefined);
    return server;
  } catch (error) {
    const refused = error instanceof ProblemError || (error instanceof LatitudeError && error.kind !== "unknown");
    if (refused) await drivers.notes.forget(name);
    // Of a cancelled run nobody knows either whether the order went out: its note stays.
    if (refused || !(error instanceof LatitudeError)) throw refusal(error, wanted);
    const late = await lookFor(drivers, api, wanted, context);
    if (late !== undefined) return late;
    throw new Error(
      `${hostname}: whether it was ordered is not known (${error.message}). Run the same update again: it looks for the order before it makes one`,
    );
  }
}

/** The server of an order that a run on this host has sent, also while no list shows it. */
async function noted(
  drivers: LatitudeDrivers,
  api: Latitude,
  wanted: ServerInputs,
  context: Context,
): Promise<Server | undefined> {
  const note = await drivers.notes.read(noteName(wanted));
  if (note === undefined) return undefined;
  if (note.id !== undefined) return api.server(note.id, context.signal);
  return drivers.now() - note.at < SETTLED ? lookFor(drivers, api, wanted, context) : undefined;
}

/** A server of exactly that name that is ours; two of them, one of another kind or somebody else's are a person's to decide. */
export async function existing(
  { notes, now }: Pick<LatitudeDrivers, "notes" | "now">,
  api: Latitude,
  { project, plan, site, hostname }: Pick<ServerInputs, "project" | "plan" | "site" | "hostname">,
  signal: AbortSignal,
): Promise<Server | undefined> {
  const [first, ...more] = await api.servers(project, hostname, signal);
  if (first === undefined) return undefined;
  const refuse = (reason: string, fix: string): never => {
    throw new ProblemError(`${hostname} is not ordered:`, [{ path: "hostname", reason, fix }]);
  };
  if (more.length > 0) {
    const ids = [first, ...more].map(({ id }) => id).join(" and ");
    refuse(`the servers ${ids} of ${project} are all called ${hostname}`, "delete all but one, or rename them");
  }
  // The answer to an order tells no site at first.
  if (first.plan !== plan || (first.site !== "" && first.site !== site)) {
    const is = `${first.id} is a ${first.plan} in ${first.site}, not a ${plan} in ${site}`;
    refuse(`${project} has another server of that name: ${is}`, "rename or delete it, or give this one another key");
  }
  const note = await notes.read(noteName({ project, hostname }));
  const ordered = note !== undefined && (note.id ?? first.id) === first.id;
  const recent = first.status === "deploying" || now() - (first.orderedAt ?? 0) < RECENT;
  if (!ordered && !recent) {
    refuse(
      `${project} has a server of that name, ${first.id}, which was not ordered from this host`,
      `plinth machines adopt --provider latitude --project ${project} ${hostname} if it is this site's; else rename or delete it, or give this machine another key`,
    );
  }
  return first;
}

/** An order whose answer was lost is looked for before anybody says that it was not made. */
async function lookFor(
  drivers: LatitudeDrivers,
  api: Latitude,
  wanted: ServerInputs,
  { signal }: Context,
): Promise<Server | undefined> {
  const { settleMs, pollMs, now } = drivers;
  for (const end = now() + settleMs; ; await sleep(Math.min(pollMs, settleMs), signal)) {
    const found = await existing(drivers, api, wanted, signal);
    if (found !== undefined || now() >= end) return found;
  }
}

/** What a person can do about a refused order. */
function refusal(error: unknown, { plan, site, hostname }: ServerInputs): unknown {
  if (!(error instanceof LatitudeError) || error.kind !== "refused") return error;
  const stock = error.code === "SERVERS_OUT_OF_STOCK" || /stock/i.test(error.message);
  return new ProblemError(`${hostname} was not ordered:`, [
    stock
      ? {
          path: "plan",
          reason: `the last ${plan} in ${site} went to somebody else since the preview`,
          fix: `plinth machines plans --provider latitude --region ${site} shows what is left; run the same update again after the change`,
        }
      : { path: "", reason: error.message, fix: "correct it and run the same update again" },
  ]);
}
