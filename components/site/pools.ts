import { contains, parseAddress, parseCidr } from "../address/cidr";
import type { PoolClaim, PoolInputs } from "../address/IpPool";
import type { SiteSpec } from "./spec";

/** Where an address comes from: written in the site file, or claimed from a pool. */
export type AddressPlan =
  | { readonly literal: string }
  | {
      readonly claim: {
        readonly pool: string;
        readonly owner: string;
        readonly purpose: string;
        readonly address?: string;
      };
    };

/** An address of the site and what it is for, as a pool has to know it. */
interface Use {
  /** What holds the address, as in `network.gateway` or `machines.cp-1`. */
  readonly what: string;
  readonly address: AddressPlan;
  /** Name for NetBox's record. */
  readonly dnsName?: string;
  /** The machine whose address it is. */
  readonly machine?: { readonly hostname: string; readonly mac: string };
}

/**
 * Every pool of the site with what is claimed from it, and with every address that the site file gives to something
 * else, so that no pool hands it out.
 */
export function planPools(
  spec: SiteSpec,
  nodes: readonly {
    readonly key: string;
    readonly hostname: string;
    readonly mac: string;
    readonly address: AddressPlan;
  }[],
  endpoint: { readonly address: AddressPlan; readonly vip: boolean },
): { readonly [name: string]: PoolInputs } {
  const uses: Use[] = [
    ...(spec.network.gateway === undefined
      ? []
      : [{ what: "network.gateway", address: { literal: spec.network.gateway } }]),
    ...[...spec.network.nameservers, ...spec.network.ntp].map((literal) => ({
      what: `the server ${literal}`,
      address: { literal },
    })),
    ...(endpoint.vip ? [{ what: "network.vip", address: endpoint.address, dnsName: `api.${spec.domain}` }] : []),
    ...nodes.map((node) => ({
      what: `machines.${node.key}`,
      address: node.address,
      dnsName: `${node.hostname}.${spec.domain}`,
      machine: node,
    })),
  ];
  return Object.fromEntries(
    Object.entries(spec.pools).map(([name, { backend, range, prefix, vrf, exclude, register }]) => [
      name,
      {
        site: spec.name,
        name,
        backend,
        exclude,
        ...(range !== undefined && { range }),
        ...(prefix !== undefined && { prefix }),
        ...(vrf !== undefined && { vrf }),
        reserved: reservedOf(uses, prefix ?? spec.network.cidr),
        ...(register?.devices !== undefined && { deviceKind: register.devices }),
        claims: claimsOf(uses, name, register?.interface),
      },
    ]),
  );
}

/** An address for people: as it is written, or where it will come from. */
export function addressText(address: AddressPlan): string {
  return "literal" in address ? address.literal : `from pool ${address.claim.pool}`;
}

/** URL of the Kubernetes API, for people while its address is still to be claimed. */
export function endpointText({
  address,
  port,
  name,
}: {
  readonly address: AddressPlan;
  readonly port: number;
  readonly name?: string;
}): string {
  const host = name ?? addressText(address);
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function reservedOf(uses: readonly Use[], network: string): Record<string, string> {
  const within = parseCidr(network, "").value;
  return Object.fromEntries(
    uses.flatMap(({ what, address }) => {
      const literal = "literal" in address ? parseAddress(address.literal, what).value : undefined;
      if (!("literal" in address) || !literal || !within || !contains(within, literal)) return [];
      return [[what, address.literal]];
    }),
  );
}

/** `port` is the name under which a machine's interface is registered; without one nothing is. */
function claimsOf(uses: readonly Use[], pool: string, port: string | undefined): Record<string, PoolClaim> {
  return Object.fromEntries(
    uses.flatMap(({ address, dnsName, machine }) => {
      if (!("claim" in address) || address.claim.pool !== pool) return [];
      const { owner, purpose, address: wish } = address.claim;
      const claim: PoolClaim = {
        purpose,
        ...(wish !== undefined && { address: wish }),
        ...(dnsName !== undefined && { dnsName }),
        ...(port !== undefined &&
          machine !== undefined && { register: { device: machine.hostname, interface: port, mac: machine.mac } }),
      };
      return [[owner, claim]];
    }),
  );
}
