import type { z } from "zod";
import { ProblemError } from "../../components/problem";
import { brokenConnection } from "../http/broken";
import { Late, type Patience, persistently, type Wire } from "../http/wire";
import { judge } from "./answer";
import { type Latitude, LatitudeError, type Server } from "./api";
import * as schema from "./schema";

/** Version of the API that plinth is written for; sent with every request. */
export const API_VERSION = "2023-06-01";

/** Objects a page. */
const PAGE = 100;

/** Latitude.sh over a wire, with every answer checked. `patience` bounds each call that brings no signal of its own. */
export function latitude(wire: Wire, token: string, patience: Patience): Latitude {
  const send = (method: string, path: string, attributes?: object) =>
    persistently(
      patience,
      async () => {
        const headers = {
          Accept: "application/json",
          Authorization: `Bearer ${token}`,
          "API-Version": API_VERSION,
          ...(attributes !== undefined && { "Content-Type": "application/json" }),
        };
        const body = attributes === undefined ? {} : { body: JSON.stringify({ data: attributes }) };
        const raw = await wire.send({ method, path, headers, ...body }).catch((error: unknown) => lost(method, error));
        return judge(method, path, raw);
      },
      (error) => error instanceof LatitudeError && error.again,
    );

  const lost = (method: string, error: unknown): never => {
    if (patience.signal.aborted) throw patience.signal.reason;
    if (error instanceof ProblemError) throw error;
    const again = method !== "POST";
    if (error instanceof Late) throw new LatitudeError("unknown", error.message, undefined, again);
    const { kind, message } = brokenConnection("the API of Latitude.sh", error);
    throw new LatitudeError(kind, message, undefined, kind === "unknown" && again);
  };

  const parsed = <T>(shape: z.ZodType<T>, body: unknown, path: string): T => {
    const result = shape.safeParse(body);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const where = issue?.path.join(".") || "its root";
    throw new LatitudeError("foreign", `${path.split("?")[0]}: unexpected answer at ${where}: ${issue?.message}`);
  };

  const get = async <T>(path: string, shape: z.ZodType<T>, signal: AbortSignal): Promise<T> => {
    signal.throwIfAborted();
    return parsed(shape, await send("GET", path), path);
  };

  /** Every object, page after page: an order that stands on the second page exists all the same. */
  const list = async <T>(path: string, shape: z.ZodType<readonly T[]>, signal: AbortSignal): Promise<readonly T[]> => {
    const found: T[] = [];
    for (let page = 1; ; page++) {
      const search = `page[size]=${PAGE}&page[number]=${page}`;
      const some = await get(`${path}${path.includes("?") ? "&" : "?"}${search}`, shape, signal);
      found.push(...some);
      if (some.length < PAGE) return found;
    }
  };

  /** What is not there is `undefined`. */
  const perhaps = async <T>(work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof LatitudeError && error.kind === "missing") return undefined;
      throw error;
    }
  };

  const filter = (name: string, value: string) => `filter[${name}]=${encodeURIComponent(value)}`;
  const allServers = (project: string, hostname: string | undefined, signal: AbortSignal) => {
    const named = hostname === undefined ? "" : `&${filter("hostname", hostname)}`;
    return list<Server>(`/servers?${filter("project", project)}${named}`, schema.manyServers, signal);
  };

  return {
    offers: (signal) => get("/plans", schema.offers, signal),
    async quota(signal) {
      const limit = await get("/team", schema.team, signal);
      const servers = await list<Server>("/servers", schema.manyServers, signal);
      return { limit, used: servers.map(({ hostname }) => hostname).sort() };
    },
    async projects(signal) {
      const found = await list(
        "/projects",
        schema.projects.transform(({ data }) => data),
        signal,
      );
      return found.map(({ id, attributes }) => ({ id, slug: attributes.slug ?? id }));
    },
    async servers(project, hostname, signal) {
      const found = await allServers(project, hostname, signal);
      // Whether the filter takes a part of a name is not told: only the whole one counts.
      return hostname === undefined ? found : found.filter((server) => server.hostname === hostname);
    },
    server: (id, signal) => perhaps(get(`/servers/${id}`, schema.oneServer, signal)),
    async route(id, signal) {
      const [found] = await get(`/ips?${filter("server", id)}&${filter("family", "IPv4")}`, schema.routes, signal);
      return found?.route;
    },
    async order({ project, plan, site, hostname, billing, ipxe }) {
      const attributes = { project, plan, site, hostname, billing, ipxe, operating_system: "ipxe" };
      return parsed(schema.oneServer, await send("POST", "/servers", { type: "servers", attributes }), "/servers");
    },
    async bill(id, billing) {
      await send("PATCH", `/servers/${id}`, { id, type: "servers", attributes: { billing } });
    },
    async power(id, what) {
      const rescue = { normal: "exit_rescue_mode", rescue: "rescue_mode" } as const;
      if (what === "rescue" || what === "normal") await send("POST", `/servers/${id}/${rescue[what]}`);
      else {
        const action = what === "reboot" ? what : `power_${what}`;
        await send("POST", `/servers/${id}/actions`, { type: "actions", attributes: { action } });
      }
    },
    async release(id) {
      await perhaps(send("DELETE", `/servers/${id}`));
    },
    networks: (project, site, signal) =>
      list(`/virtual_networks?${filter("project", project)}&${filter("location", site)}`, schema.manyNetworks, signal),
    network: (id, signal) => perhaps(get(`/virtual_networks/${id}`, schema.oneNetwork, signal)),
    async makeNetwork(project, site, description) {
      const request = { type: "virtual_network", attributes: { project, site, description } };
      return parsed(schema.oneNetwork, await send("POST", "/virtual_networks", request), "/virtual_networks");
    },
    async removeNetwork(id) {
      await perhaps(send("DELETE", `/virtual_networks/${id}`));
    },
    assignments(of, signal) {
      const [name, id] =
        "network" in of ? (["virtual_network_id", of.network] as const) : (["server", of.server] as const);
      return list(`/virtual_networks/assignments?${filter(name, id)}`, schema.assignments, signal);
    },
    async assign(network, server) {
      const attributes = { virtual_network_id: network, server_id: server };
      await send("POST", "/virtual_networks/assignments", { type: "virtual_network_assignment", attributes });
    },
    async unassign(id) {
      await perhaps(send("DELETE", `/virtual_networks/assignments/${id}`));
    },
    usage: (project, signal) => get(`/billing/usage?${filter("project", project)}`, schema.usage, signal),
    close: () => wire.close(),
  };
}
