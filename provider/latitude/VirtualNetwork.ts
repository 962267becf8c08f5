import { z } from "zod";
import type {
  VirtualNetworkInputs,
  VirtualNetworkOutputs,
} from "../../components/machine/latitude/LatitudeVirtualNetwork";
import { ProblemError } from "../../components/problem";
import { changesBetween } from "../host/diff";
import { sentence } from "../host/failure";
import type { Change, Context, Reached, Resource } from "../resource";
import { checkpoint, sleep, waitFor } from "../wait";
import { type Latitude, LatitudeError, type Network } from "./api";
import { type LatitudeDrivers, withLatitude } from "./drivers";

/** Longest wait until a server is in the network, in seconds. */
const CONNECTED = 10 * 60;

const inputs = z.strictObject({
  project: z.string().min(1),
  site: z.string().min(1),
  description: z.string().min(1),
  servers: z.array(z.string().min(1)).readonly(),
}) satisfies z.ZodType<VirtualNetworkInputs>;

const outputs = z.object({
  networkId: z.string().default(""),
  vid: z.int().default(0),
  connected: z.array(z.string()).default([]),
});

export function latitudeVirtualNetwork(
  drivers: LatitudeDrivers,
): Resource<VirtualNetworkInputs, VirtualNetworkOutputs> {
  return {
    type: "plinth:latitude:VirtualNetwork",
    inputs,
    outputs,
    secrets: [],
    limits: { create: CONNECTED + 300, read: 60, update: CONNECTED + 300, delete: 300 },

    check: () => [],
    diff(prior, draft) {
      const changes = changesBetween(prior.inputs, draft).map(
        (change): Change =>
          change.path.startsWith("servers")
            ? change
            : { ...change, replace: "a virtual network stays what it was made as" },
      );
      const missing = prior.inputs.servers.some((server) => !prior.outputs.connected.includes(server));
      if (changes.length > 0 || !missing) return changes;
      return [{ path: "connected", kind: "update", output: true }];
    },
    preview: () => ({}),
    create: (given, context) =>
      withLatitude(drivers, context, (api) => {
        const hold = { name: `latitude-${given.project}-${given.site}-network`, doing: "making a virtual network" };
        return context.lease(hold, async () => {
          const network = await findOrMake(drivers, api, given, context);
          return { id: network.id, ...(await connect(drivers, api, network, given, context)) };
        });
      }),
    update: (_id, prior, given, context) =>
      withLatitude(drivers, context, async (api) => {
        const network = await api.network(prior.outputs.networkId, context.signal);
        if (network !== undefined) return connect(drivers, api, network, given, context);
        const gone = `the virtual network ${prior.outputs.networkId} is gone at Latitude.sh: pulumi refresh, then update again`;
        return { outputs: { ...prior.outputs, connected: [] }, failures: [gone] };
      }),
    async read(id, prior, context) {
      if (prior === undefined)
        throw new Error("a virtual network cannot be imported: declare it, and its name finds it");
      return withLatitude(drivers, context, async (api) => {
        const network = await api.network(prior.outputs.networkId || id, context.signal);
        if (network === undefined) return undefined;
        const inside = (await api.assignments({ network: network.id }, context.signal))
          .filter(isConnected)
          .map(({ server }) => server);
        return { inputs: prior.inputs, outputs: { networkId: network.id, vid: network.vid, connected: inside.sort() } };
      });
    },
    delete: (id, prior, context) =>
      withLatitude(drivers, context, async (api) => {
        const network = prior.outputs.networkId || id;
        if ((await api.network(network, context.signal)) === undefined) return;
        for (const { id: assignment } of await api.assignments({ network }, context.signal)) {
          checkpoint(context.signal);
          await api.unassign(assignment);
        }
        checkpoint(context.signal);
        await context.audit({ act: "destroy", target: network, detail: "deletes a virtual network at Latitude.sh" });
        await api.removeNetwork(network);
        await drivers.notes.forget(noteName(prior.inputs));
      }),
  };
}

/** Name under which a network is noted on this host; no host name has a space. */
const noteName = ({ project, site, description }: VirtualNetworkInputs): string =>
  `${project}/network ${site} ${description}`;

const isConnected = ({ status }: { readonly status: string }): boolean => status === "connected";

/** The network of that description: found, or made. One whose answer was lost is looked for. */
async function findOrMake(
  { pollMs, settleMs, now, notes }: LatitudeDrivers,
  api: Latitude,
  wanted: VirtualNetworkInputs,
  { signal }: Context,
): Promise<Network> {
  const { project, site, description, servers } = wanted;
  const name = noteName(wanted);
  const keep = async (network: Network): Promise<Network> => {
    await notes.write(name, { at: now(), id: network.id }).catch(() => undefined);
    return network;
  };
  const look = async (): Promise<Network | undefined> => {
    const [first, ...more] = (await api.networks(project, site, signal)).filter(
      (network) => network.description === description,
    );
    if (more.length === 0) return first;
    const ids = [first, ...more].map((network) => network?.id).join(" and ");
    throw new ProblemError("The virtual network is not made:", [
      { path: "description", reason: `${ids} are all called "${description}"`, fix: "delete all but one" },
    ]);
  };
  const found = await look();
  if (found !== undefined) {
    // What a killed run of another host has made holds no others' servers; theirs would be cut off with this site.
    const inside =
      (await notes.read(name))?.id === found.id ? [] : await api.assignments({ network: found.id }, signal);
    const others = inside.map(({ server }) => server).filter((server) => !servers.includes(server));
    if (others.length === 0) return keep(found);
    throw new ProblemError("The virtual network is not made:", [
      {
        path: "description",
        reason: `${found.id} is called "${description}" and holds servers of somebody else: ${others.join(", ")}`,
        fix: "rename it, take them out of it if they are this site's, or give this site another name",
      },
    ]);
  }
  checkpoint(signal);
  try {
    return await keep(await api.makeNetwork(project, site, description));
  } catch (error) {
    if (!(error instanceof LatitudeError) || error.kind !== "unknown") throw error;
    for (const end = now() + settleMs; ; await sleep(Math.min(pollMs, settleMs), signal)) {
      const late = await look();
      if (late !== undefined) return keep(late);
      if (now() >= end) throw error;
    }
  }
}

/**
 * Every declared server in. None is taken out: a machine that goes, or that another one takes the place of, needs the
 * site's network until it has left the cluster, and that is later; its server takes its place in here with it.
 */
async function connect(
  { pollMs }: LatitudeDrivers,
  api: Latitude,
  { id, vid }: Network,
  { servers }: VirtualNetworkInputs,
  { signal, log }: Context,
): Promise<Reached<VirtualNetworkOutputs>> {
  let connected: readonly string[] = [];
  try {
    const before = await api.assignments({ network: id }, signal);
    for (const server of servers) {
      checkpoint(signal);
      if (!before.some((assignment) => assignment.server === server)) await assign(api, id, server);
    }
    await waitFor(
      { what: `virtual network ${vid}`, seconds: CONNECTED, intervalMs: pollMs, signal, progress: log.progress },
      async () => {
        const now = await api.assignments({ network: id }, signal);
        connected = now
          .filter((each) => isConnected(each) && servers.includes(each.server))
          .map(({ server }) => server)
          .sort();
        const missing = servers.filter((server) => !connected.includes(server));
        return missing.length === 0 ? { done: true } : { missing: `${missing.join(", ")} not connected` };
      },
    );
    return { outputs: { networkId: id, vid, connected } };
  } catch (error) {
    return {
      outputs: { networkId: id, vid, connected },
      failures: [`virtual network ${vid} (${id}): ${sentence(error)}`],
    };
  }
}

/** A list does not show a server that is still being connected: that it is in the network already is no failure. */
async function assign(api: Latitude, network: string, server: string): Promise<void> {
  try {
    await api.assign(network, server);
  } catch (error) {
    if (error instanceof LatitudeError && error.kind === "refused" && /already/i.test(error.message)) return;
    throw error;
  }
}
