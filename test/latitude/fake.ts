/**
 * The API of Latitude.sh as its public reference tells it (reference.yaml), as far as plinth uses it: a wire for tests in
 * this process, and a server on loopback for the engine. What it does not know it refuses.
 */
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Late, type Outgoing, type Raw, type Wire } from "../../provider/http/wire";
import { PLANS } from "./plans";

export const TOKEN = "ak_not-to-be-seen-anywhere";

/** What goes wrong, and how often. */
export type FakeFault =
  /** Accepted at preview, sold out at the order. */
  | "sold-out"
  /** It stays in `deploying`. */
  | "stuck"
  /** It is deployed, and off. */
  | "arrives-off"
  /** It ends in `failed_deployment`. */
  | "failed-deployment"
  /** It is ordered, and gone when it is looked at. */
  | "reaped"
  /** Deleting answers well, and it stays for some looks. */
  | "half-deleted"
  /** 429 before anything is done. */
  | "busy"
  /** 503 before anything is done. */
  | "broken"
  /** The change is made, and the answer is a 502. */
  | "lost-answer"
  /** A read gets no answer in time. */
  | "late-read"
  /** A change never arrives, which nobody is told. */
  | "late-change"
  /** A change is made, and its answer does not come in time. */
  | "late-answer"
  /** An assignment never connects. */
  | "unconnected"
  /** A list does not show a new server for some looks. */
  | "late-list";

interface FakeServer {
  readonly id: string;
  readonly hostname: string;
  readonly plan: string;
  readonly site: string;
  readonly project: string;
  readonly ipxe: string;
  /** When it was ordered. */
  createdAt: string;
  billing: string;
  status: string;
  locked: boolean;
  /** Looks until the next step. */
  looks: number;
  leaving: boolean;
  /** Looks at lists that do not show it yet. */
  hidden: number;
}

interface FakeNetwork {
  readonly id: string;
  readonly project: string;
  readonly site: string;
  readonly description: string;
  readonly vid: number;
}

interface FakeAssignment {
  readonly id: string;
  readonly network: string;
  readonly server: string;
  status: string;
}

const PROJECTS = [{ id: "proj_1", slug: "home" }];

export class FakeLatitude {
  readonly servers: FakeServer[] = [];
  readonly networks: FakeNetwork[] = [];
  readonly assignments: FakeAssignment[] = [];
  /** Every request as `METHOD /path`. */
  readonly requests: string[] = [];
  /** Faults still to strike; each strikes once for its number. */
  readonly faults = new Map<FakeFault, number>();
  limit: number | null = null;
  /** Requests that are carried out and never answered, as `POST /servers`; only of the server on loopback. */
  unanswered: RegExp | undefined;
  private count = 0;

  constructor(
    /** Looks at a server until it is on; whether an assignment is connected at once. */
    private readonly options: { readonly looks: number; readonly connects?: boolean } = { looks: 2 },
  ) {}

  private http: HttpServer | undefined;

  /** Requests that a person pays for. */
  get orders(): number {
    return this.requests.filter((request) => request === "POST /servers").length;
  }

  fault(kind: FakeFault, times = 1): this {
    this.faults.set(kind, times);
    return this;
  }

  /** Somebody else's server of the same team. */
  stranger(hostname: string): void {
    const attributes = { project: "home", plan: "c2-small-x86", site: "NYC", hostname };
    this.order({ attributes: { ...attributes, operating_system: "ipxe", ipxe: "https://example.org" } });
  }

  /** Carries requests without a network. */
  wire(): Wire {
    return { send: async (request) => this.answer(request), close: () => undefined };
  }

  /** Serves on loopback; returns its URL. */
  async listen(): Promise<string> {
    const server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        const sent = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)]));
        const answered = this.inTime({ method, path: url, headers: sent, ...(body && { body }) });
        if (answered === undefined || this.unanswered?.test(`${method} ${url}`)) return;
        const { status, headers: told, text } = answered;
        response.writeHead(status, told).end(text);
      });
    });
    this.http = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const { http } = this;
    http?.closeAllConnections();
    if (http !== undefined) await new Promise((resolve) => http.close(resolve));
  }

  /** What is answered, unless it comes too late. */
  private inTime(request: Outgoing): Raw | undefined {
    try {
      return this.answer(request);
    } catch (error) {
      if (error instanceof Late) return undefined;
      throw error;
    }
  }

  /** @throws Late where no answer comes in time */
  answer({ method, path, headers, body }: Outgoing): Raw {
    const url = new URL(path, "http://latitude");
    this.requests.push(`${method} ${url.pathname}`);
    const told = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
    if (told.authorization !== `Bearer ${TOKEN}`) return refuse(401, "UNAUTHORIZED", "The API key is not valid.");
    if (told["api-version"] !== "2023-06-01") return refuse(400, "INVALID_API_VERSION", "Unknown API version.");
    const writes = method !== "GET";
    if (this.strikes("busy")) {
      return refuse(429, "RATE_LIMIT_EXCEEDED", "Too many requests. Please slow down and retry.", { retry_after: 0 });
    }
    if (this.strikes("broken")) return refuse(503, "SERVICE_UNAVAILABLE", "Try again later.");
    if (this.strikes(writes ? "late-change" : "late-read")) throw new Late("no answer in time");
    const answer = this.route(method, url, body === undefined ? {} : JSON.parse(body).data);
    if (writes && answer.status < 300 && this.strikes("lost-answer")) return refuse(502, "BAD_GATEWAY", "Bad gateway.");
    if (writes && this.strikes("late-answer")) throw new Late("no answer in time");
    return answer;
  }

  private route(method: string, url: URL, data: Data): Raw {
    const [root = "", id, more] = url.pathname.slice(1).split("/");
    switch (`${method} ${root}${id === undefined ? "" : more === undefined ? "/x" : "/x/y"}`) {
      case "GET plans":
        return ok(200, PLANS);
      case "GET team":
        return ok(200, [{ id: "team_1", attributes: { name: "Team", limits: { bare_metal: this.limit } } }]);
      case "GET projects":
        return this.page(
          url,
          PROJECTS.map(({ id: own, slug }) => ({ id: own, attributes: { slug } })),
        );
      case "GET servers":
        return this.listServers(url);
      case "POST servers":
        return this.order(data);
      case "GET servers/x":
        return this.look(id ?? "");
      case "PATCH servers/x":
        return this.change(id ?? "", data);
      case "DELETE servers/x":
        return this.release(id ?? "");
      case "POST servers/x/y":
        return this.power(id ?? "", more ?? "", data);
      case "GET ips":
        return this.page(url, this.addresses(url.searchParams.get("filter[server]") ?? ""));
      case "GET virtual_networks":
        return this.page(
          url,
          this.networks.filter((each) => each.site === url.searchParams.get("filter[location]")).map(tellNetwork),
        );
      case "POST virtual_networks":
        return this.makeNetwork(data);
      case "GET virtual_networks/x":
        return id === "assignments" ? this.listAssignments(url) : this.oneNetwork(id ?? "");
      case "POST virtual_networks/x":
        return this.assign(data);
      case "DELETE virtual_networks/x":
        return this.drop(this.networks, id ?? "");
      case "DELETE virtual_networks/x/y":
        return this.drop(this.assignments, more ?? "");
      case "GET billing/x":
        return ok(200, { attributes: { products: this.bill() } });
      default:
        return refuse(404, "NOT_FOUND", `${method} ${url.pathname} is not in the reference`);
    }
  }

  private strikes(kind: FakeFault): boolean {
    const left = this.faults.get(kind) ?? 0;
    if (left > 0) this.faults.set(kind, left - 1);
    return left > 0;
  }

  private page(url: URL, all: readonly object[]): Raw {
    const size = Number(url.searchParams.get("page[size]") ?? 20);
    const number = Number(url.searchParams.get("page[number]") ?? 1);
    return ok(200, all.slice((number - 1) * size, number * size));
  }

  private order({ attributes = {} }: Data): Raw {
    const { project, plan, site, hostname, operating_system: system, ipxe, billing = "hourly" } = attributes;
    if (system === "ipxe" && ipxe === undefined) return refuse(422, "VALIDATION_ERROR", "ipxe must be informed");
    if (!PROJECTS.some(({ id, slug }) => id === project || slug === project)) {
      return refuse(422, "VALIDATION_ERROR", "project is not valid");
    }
    const regions = PLANS.find(({ attributes: { slug } }) => slug === plan)?.attributes.regions ?? [];
    const inStock = regions.some(({ locations }) => locations.in_stock.includes(site ?? ""));
    if (!inStock || this.strikes("sold-out")) {
      return refuse(422, "SERVERS_OUT_OF_STOCK", "No stock availability for this plan in this site.");
    }
    this.count++;
    const server: FakeServer = {
      id: `sv_${this.count}`,
      ...{ hostname: hostname ?? "", plan: plan ?? "", site: site ?? "", project: "proj_1", ipxe: ipxe ?? "", billing },
      status: this.strikes("stuck") ? "stuck" : this.strikes("failed-deployment") ? "failing" : "deploying",
      createdAt: "2026-08-01T10:00:00+00:00",
      locked: false,
      looks: this.options.looks,
      leaving: false,
      hidden: this.strikes("late-list") ? 2 : 0,
    };
    this.servers.push(server);
    // The first answer tells neither region nor links.
    const { region: _, interfaces: __, ...first } = tell(server, "starting_deploy").attributes;
    const answer = ok(201, { ...tell(server, ""), attributes: first });
    if (this.strikes("reaped")) this.servers.pop();
    return answer;
  }

  private listServers(url: URL): Raw {
    const hostname = url.searchParams.get("filter[hostname]");
    const shown = this.servers.filter((server) => {
      if (server.hidden > 0) server.hidden--;
      else return hostname === null || server.hostname.includes(hostname);
      return false;
    });
    return this.page(
      url,
      shown.map((server) => tell(server, statusOf(server))),
    );
  }

  private look(id: string): Raw {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined) return refuse(404, "NOT_FOUND", "Specified Record Not Found");
    server.looks--;
    if (server.looks <= 0 && server.leaving) {
      this.servers.splice(this.servers.indexOf(server), 1);
      return refuse(404, "NOT_FOUND", "Specified Record Not Found");
    }
    if (server.looks <= 0 && server.status === "deploying") server.status = this.strikes("arrives-off") ? "off" : "on";
    if (server.looks <= 0 && server.status === "failing") server.status = "failed_deployment";
    return ok(200, tell(server, statusOf(server)));
  }

  private change(id: string, { attributes = {} }: Data): Raw {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined) return refuse(404, "NOT_FOUND", "Specified Record Not Found");
    if (attributes.billing !== undefined) server.billing = attributes.billing;
    return ok(200, tell(server, statusOf(server)));
  }

  /** A server that is being deployed or is locked takes no action; nor does one that is where it shall go. */
  private power(id: string, what: string, { attributes = {} }: Data): Raw {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined) return refuse(404, "NOT_FOUND", "Specified Record Not Found");
    if (server.locked) return refuse(403, "SERVER_LOCKED", "The server is locked.");
    const rescued = server.status === "rescue_mode";
    const acceptable = { actions: !rescued, rescue_mode: !rescued, exit_rescue_mode: rescued }[what];
    if (acceptable === undefined) return refuse(404, "NOT_FOUND", `${what} is not in the reference`);
    if (!acceptable || !["off", "on", "rescue_mode"].includes(server.status)) {
      return refuse(406, "NOT_ACCEPTABLE", "The server does not take this action now.");
    }
    if (what !== "actions") {
      server.status = rescued ? "on" : "rescue_mode";
      return ok(rescued ? 200 : 201, { id, type: "rescue", attributes: {} });
    }
    const next = { power_on: "on", power_off: "off", reboot: "on" }[attributes.action ?? ""];
    if (next === undefined) return refuse(422, "VALIDATION_ERROR", "action is not valid");
    server.status = next;
    return ok(201, { id, type: "actions", attributes: { status: "pending" } });
  }

  private release(id: string): Raw {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined) return refuse(404, "NOT_FOUND", "Specified Record Not Found");
    if (server.locked) return refuse(403, "SERVER_LOCKED", "The server is locked.");
    server.leaving = true;
    server.looks = this.strikes("half-deleted") ? 3 : 0;
    for (const each of this.assignments.filter(({ server: of }) => of === id)) this.drop(this.assignments, each.id);
    if (server.looks === 0) this.servers.splice(this.servers.indexOf(server), 1);
    return { status: 204, headers: {}, text: "" };
  }

  private addresses(id: string): object[] {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined || statusOf(server) !== "on") return [];
    const address = addressOf(server);
    const lies = { family: "IPv4", gateway: "198.51.100.1", netmask: "255.255.255.128", public: true };
    return [{ id: `ip_${id}`, attributes: { address, ...lies } }];
  }

  private makeNetwork({ attributes = {} }: Data): Raw {
    this.count++;
    const { site = "", description = "" } = attributes;
    const network = { id: `vlan_${this.count}`, project: "proj_1", site, description, vid: 2000 + this.count };
    this.networks.push(network);
    return ok(201, tellNetwork(network));
  }

  private oneNetwork(id: string): Raw {
    const network = this.networks.find((each) => each.id === id);
    return network === undefined
      ? refuse(404, "NOT_FOUND", "Specified Record Not Found")
      : ok(200, tellNetwork(network));
  }

  private assign({ attributes = {} }: Data): Raw {
    const { virtual_network_id: network = "", server_id: server = "" } = attributes;
    if (this.assignments.some((each) => each.network === network && each.server === server)) {
      return refuse(422, "VALIDATION_ERROR", "Server is already assigned to this virtual network");
    }
    if (!this.servers.some(({ id }) => id === server)) return refuse(404, "NOT_FOUND", "Specified Record Not Found");
    this.count++;
    const now = this.options.connects === true ? "connected" : "connecting";
    const status = this.strikes("unconnected") ? "never" : now;
    this.assignments.push({ id: `vnasg_${this.count}`, network, server, status });
    return ok(201, { id: `vnasg_${this.count}`, attributes: { status: "connecting" } });
  }

  /** One that is not connected is not in the list. */
  private listAssignments(url: URL): Raw {
    const [network, server] = ["virtual_network_id", "server"].map((name) => url.searchParams.get(`filter[${name}]`));
    const own = this.assignments.filter(
      (each) => each.network === (network ?? each.network) && each.server === (server ?? each.server),
    );
    const shown = own.filter(({ status }) => status === "connected");
    for (const each of own) if (each.status === "connecting") each.status = "connected";
    return this.page(
      url,
      shown.map(({ id, network, server, status }) => ({
        id,
        attributes: { virtual_network_id: network, status, server: { id: server } },
      })),
    );
  }

  private drop(from: { readonly id: string }[], id: string): Raw {
    const index = from.findIndex((each) => each.id === id);
    if (index < 0) return refuse(404, "NOT_FOUND", "Specified Record Not Found");
    from.splice(index, 1);
    return { status: 204, headers: {}, text: "" };
  }

  private bill(): object[] {
    return this.servers.map(({ hostname, plan }) => ({
      name: plan,
      quantity: 3,
      unit: "hour",
      price: 63,
      metadata: { servers: [{ hostname }] },
    }));
  }
}

interface Data {
  readonly attributes?: { readonly [key: string]: string | undefined };
}

const statusOf = ({ status, leaving }: FakeServer): string =>
  leaving ? "disk_erasing" : status === "stuck" || status === "failing" ? "deploying" : status;

const addressOf = ({ id }: FakeServer): string => `198.51.100.${10 + Number(id.slice(3))}`;

function tell(server: FakeServer, status: string) {
  const { id, hostname, plan, site, billing, locked, createdAt } = server;
  const last = id.slice(3).padStart(2, "0");
  return {
    id,
    type: "servers",
    attributes: {
      ...{ hostname, status, locked },
      primary_ipv4: status === "starting_deploy" ? null : addressOf(server),
      created_at: createdAt,
      region: { city: site, site: { slug: site, rack_id: `rack_${Number(last) % 2}` } },
      plan: { id: `plan_${plan}`, slug: plan, billing },
      interfaces: [
        { role: "external", name: "eno1", mac_address: `AA:BB:CC:00:00:${last}` },
        { role: "internal", name: "eno2", mac_address: `AA:BB:CC:00:01:${last}` },
      ],
    },
  };
}

function tellNetwork({ id, vid, description, site }: FakeNetwork) {
  return { id, type: "virtual_networks", attributes: { vid, description, region: { site: { slug: site } } } };
}

const JSON_API = { "content-type": "application/vnd.api+json; charset=utf-8" };

function ok(status: number, data: unknown): Raw {
  return { status, headers: JSON_API, text: JSON.stringify({ data, meta: {} }) };
}

function refuse(status: number, code: string, detail: string, meta?: object): Raw {
  const error = { code, status: String(status), title: code, detail, ...(meta && { meta }) };
  return { status, headers: JSON_API, text: JSON.stringify({ errors: [error] }) };
}
