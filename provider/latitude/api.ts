/** What plinth needs of Latitude.sh. Every call is bounded in time. */
import type { Billing, Offer } from "../../components/machine/latitude/plans";

/** A server as Latitude.sh tells of it. */
export interface Server {
  readonly id: string;
  readonly hostname: string;
  /** `on`, `off`, `deploying`, `disk_erasing`, `failed_deployment`, `rescue_mode`, `unknown`, and what is to come. */
  readonly status: string;
  readonly plan: string;
  readonly site: string;
  readonly billing: Billing;
  readonly locked: boolean;
  /** When it was ordered, in milliseconds since 1970. */
  readonly orderedAt?: number;
  readonly address?: string;
  /** Rack it stands in. */
  readonly rack?: string;
  /** Ethernet address of the link to the Internet. */
  readonly publicMac?: string;
  /** Ethernet address of the link to virtual networks. */
  readonly privateMac?: string;
}

/** Where a server's own address lies. */
export interface Route {
  readonly prefixLength: number;
  readonly gateway: string;
}

export interface Order {
  readonly project: string;
  readonly plan: string;
  readonly site: string;
  readonly hostname: string;
  readonly billing: Billing;
  /** URL of the iPXE script that it boots once. */
  readonly ipxe: string;
}

/** What can be done to a server's power: `rescue` boots it into Latitude.sh's own system, `normal` out of that again. */
export const POWER = ["on", "off", "reboot", "rescue", "normal"] as const;
export type Power = (typeof POWER)[number];

/** A virtual network (VLAN). */
export interface Network {
  readonly id: string;
  readonly description: string;
  readonly site: string;
  /** VLAN id. */
  readonly vid: number;
}

/** A server in a virtual network. */
export interface Assignment {
  readonly id: string;
  readonly server: string;
  readonly status: string;
}

/** What a team may still order; `undefined` means no limit is told. */
export interface Quota {
  readonly limit: number | undefined;
  /** Host names of the servers that count. */
  readonly used: readonly string[];
}

/** A project; either name of it will do. */
export interface Project {
  readonly id: string;
  readonly slug: string;
}

/** How a request failed. */
export type FailureKind =
  /** The answer never came; a change may or may not have been made. */
  | "unknown"
  /** Nothing was made: the API could not be reached. */
  | "unreachable"
  /** The token is wrong or may not do this. */
  | "denied"
  | "missing"
  /** What was sent is refused; `code` says how. */
  | "refused"
  /** Too many requests: nothing was done. */
  | "busy"
  /** The API is in trouble. */
  | "server"
  /** What answers is not this API. */
  | "foreign";

/** A request that failed. The message never holds the token. */
export class LatitudeError extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    /** The API's own code, as `SERVERS_OUT_OF_STOCK`. */
    readonly code?: string,
    /** Whether the same request may be sent again, and after how many milliseconds if it says so. */
    readonly again: boolean | number = false,
  ) {
    super(message);
    this.name = "LatitudeError";
  }
}

export interface Latitude {
  offers(signal: AbortSignal): Promise<readonly Offer[]>;
  /** What the team of this token may still order. */
  quota(signal: AbortSignal): Promise<Quota>;
  /** Every project that the token sees. */
  projects(signal: AbortSignal): Promise<readonly Project[]>;
  /** Every server of the project, or those of exactly that hostname. */
  servers(project: string, hostname: string | undefined, signal: AbortSignal): Promise<readonly Server[]>;
  server(id: string, signal: AbortSignal): Promise<Server | undefined>;
  /** Route of the server's own IPv4 address. */
  route(id: string, signal: AbortSignal): Promise<Route | undefined>;
  /** Orders a server: costs money, and is never sent twice by itself. */
  order(order: Order): Promise<Server>;
  bill(id: string, billing: Billing): Promise<void>;
  /** Begun when it resolves; the server's status says when it is done. */
  power(id: string, what: Power): Promise<void>;
  /** Gives a server back for ever. One that is gone is no error. */
  release(id: string): Promise<void>;
  networks(project: string, site: string, signal: AbortSignal): Promise<readonly Network[]>;
  network(id: string, signal: AbortSignal): Promise<Network | undefined>;
  makeNetwork(project: string, site: string, description: string): Promise<Network>;
  removeNetwork(id: string): Promise<void>;
  /** Of one virtual network, or of one server in all of them. */
  assignments(
    of: { readonly network: string } | { readonly server: string },
    signal: AbortSignal,
  ): Promise<readonly Assignment[]>;
  assign(network: string, server: string): Promise<void>;
  unassign(assignment: string): Promise<void>;
  /** What the project has used up in this billing period, in dollars by product. */
  usage(project: string, signal: AbortSignal): Promise<readonly Usage[]>;
  /** Lets go of what is kept. */
  close(): void;
}

/** One product of a bill. */
export interface Usage {
  readonly name: string;
  readonly hostname?: string;
  readonly quantity: number;
  readonly unit: string;
  /** In US dollars. */
  readonly price: number;
}
