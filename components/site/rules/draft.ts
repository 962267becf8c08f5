import {
  type Address,
  type AddressRange,
  type Cidr,
  type Parsed,
  parseAddress,
  parseCidr,
  parseRange,
} from "../../address/cidr";

/** A sound value and where it stands. */
export interface Located<T> {
  readonly path: string;
  readonly value: T;
}

/** A machine, as far as it is sound. */
export interface DraftMachine {
  readonly key: string;
  readonly role: unknown;
  readonly hostname: string;
  readonly mac?: string;
  readonly address?: Located<Address>;
  /** WWID or serial number; undefined for a selector, which other machines may share. */
  readonly disk?: string;
  /** As written. */
  readonly raw: Record<string, unknown>;
}

/** What of a site file is sound enough to compare. */
export interface Draft {
  /** The whole file as written. */
  readonly site: Record<string, unknown>;
  readonly provider: unknown;
  /** Empty if there is none. */
  readonly name: string;
  /** Empty if there is none. */
  readonly domain: string;
  readonly cidr?: Located<Cidr>;
  readonly networks: readonly Located<Cidr>[];
  readonly gateway?: Located<Address>;
  readonly vip?: Located<Address>;
  readonly hasVip: boolean;
  /** Whether the API has a name of its own, or a load balancer in front. */
  readonly hasEndpoint: boolean;
  readonly nameservers: readonly Located<Address>[];
  readonly claims: readonly Located<string>[];
  readonly pools: readonly {
    readonly key: string;
    readonly raw: Record<string, unknown>;
    /** Its range, or its NetBox prefix. */
    readonly extent?: Located<AddressRange>;
  }[];
  readonly machines: readonly DraftMachine[];
  readonly talos: Record<string, unknown>;
  readonly kubernetes: Record<string, unknown>;
  readonly network: Record<string, unknown>;
  /** The section as it is written. */
  readonly platform: unknown;
  /** `undefined` if the file has none. */
  readonly backup: Record<string, unknown> | undefined;
}

/** A value as an object, empty when it is none. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A value as a list, empty when it is none. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function located<T>(
  value: unknown,
  path: string,
  parse: (text: string, path: string) => Parsed<T>,
): Located<T> | undefined {
  const parsed = typeof value === "string" ? parse(value, path).value : undefined;
  return parsed === undefined ? undefined : { path, value: parsed };
}

function diskIdentity({ wwid, serial }: Record<string, unknown>): string | undefined {
  if (typeof wwid === "string") return `wwid ${wwid}`;
  return typeof serial === "string" ? `serial ${serial}` : undefined;
}

/** Takes from a raw site file what is sound by itself. */
export function readDraft(raw: unknown): Draft {
  const site = record(raw);
  const network = record(site.network);
  const machines = Object.entries(record(site.machines)).map(([key, value]) => ({ key, machine: record(value) }));
  const claimed = [
    { path: "network.vip", value: network.vip },
    ...machines.map(({ key, machine }) => ({ path: `machines.${key}.address`, value: machine.address })),
  ];
  const cidr = located(network.cidr, "network.cidr", parseCidr);
  const pods = located(network.pods ?? "10.244.0.0/16", "network.pods", parseCidr);
  const services = located(network.services ?? "10.96.0.0/12", "network.services", parseCidr);
  const gateway = located(network.gateway, "network.gateway", parseAddress);
  const vip = located(network.vip, "network.vip", parseAddress);
  return {
    site,
    provider: site.provider ?? "metal",
    name: typeof site.name === "string" ? site.name : "",
    domain: typeof site.domain === "string" ? site.domain : "",
    ...(cidr && { cidr }),
    networks: [cidr, pods, services].filter((network) => network !== undefined),
    ...(gateway && { gateway }),
    ...(vip && { vip }),
    hasVip: network.vip !== undefined,
    hasEndpoint: network.endpoint !== undefined || record(site[String(site.provider)]).loadBalancer !== undefined,
    nameservers: list(network.nameservers)
      .map((value, index) => located(value, `network.nameservers[${index}]`, parseAddress))
      .filter((nameserver) => nameserver !== undefined),
    claims: claimed.flatMap(({ path, value }) => {
      const pool = record(value).pool;
      return typeof pool === "string" ? [{ path: `${path}.pool`, value: pool }] : [];
    }),
    pools: Object.entries(record(site.pools)).map(([key, value]) => {
      const pool = record(value);
      const extent =
        located(pool.range, `pools.${key}.range`, parseRange) ?? located(pool.prefix, `pools.${key}.prefix`, parseCidr);
      return { key, raw: pool, ...(extent && { extent }) };
    }),
    machines: machines.map(({ key, machine }) => {
      const address = located(machine.address, `machines.${key}.address`, parseAddress);
      const disk = diskIdentity(record(machine.disk));
      return {
        key,
        role: machine.role,
        hostname: typeof machine.hostname === "string" ? machine.hostname : key,
        ...(typeof machine.mac === "string" && { mac: machine.mac.toLowerCase() }),
        ...(address && { address }),
        ...(disk !== undefined && { disk }),
        raw: machine,
      };
    }),
    talos: record(site.talos),
    kubernetes: record(site.kubernetes),
    network,
    platform: site.platform,
    backup: site.backup === undefined ? undefined : record(site.backup),
  };
}
