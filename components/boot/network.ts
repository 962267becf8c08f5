import { formatAddress, parseAddress } from "../address/cidr";
import type { Problem } from "../problem";

/** How a machine reaches the network before it has a configuration: one link, for networks without DHCP. */
export interface BootNetwork {
  /** Name as `eno1`, or MAC address in lower-case colon form: names can differ between kernels, addresses do not. */
  readonly link: string;
  /** Several links as one; `link` is then the bond's name. @default - a single link */
  readonly bond?: { readonly links: readonly string[]; readonly mode: "802.3ad" | "active-backup" };
  /** VLAN on top of the link. @default - untagged */
  readonly vlan?: number;
  /** IPv4 address with its prefix length, as `10.0.1.10/16`. @default - DHCP */
  readonly address?: string;
  /** @default - none: it reaches its own network only */
  readonly gateway?: string;
  /** At most two. @default - none: names do not resolve, give addresses everywhere */
  readonly nameservers?: readonly string[];
  /** Address of a time server. @default - Talos' own, by name */
  readonly ntp?: string;
}

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;
const NAME = /^[a-z][a-z0-9]{0,14}$/;

/** What kernel arguments cannot say. `path` is where the network stands in the input. */
export function checkBootNetwork(network: BootNetwork, path: string): Problem[] {
  const problems: Problem[] = [];
  const add = (at: string, reason: string, fix: string) => problems.push({ path: `${path}.${at}`, reason, fix });
  const { link, bond, vlan, address, gateway, nameservers = [], ntp } = network;
  const stacked = bond !== undefined || vlan !== undefined;
  for (const [at, each] of [["link", link], ...(bond?.links ?? []).map((one) => ["bond.links", one])] as const) {
    if (NAME.test(each) || (MAC.test(each) && !stacked)) continue;
    if (MAC.test(each))
      add(
        at,
        "a bond or a VLAN takes links by name alone",
        "name it as eno1, or put the network into the image's configuration",
      );
    else add(at, `"${each}" is neither a link's name nor a MAC address`, "write eno1 or 52:54:00:12:34:56");
  }
  if (bond !== undefined && bond.links.length < 2)
    add("bond.links", "a bond of one link is none", "name two, or leave bond out");
  if (vlan !== undefined && !(Number.isInteger(vlan) && vlan >= 1 && vlan <= 4094)) {
    add("vlan", `${vlan} is no VLAN`, "write 1 to 4094");
  }
  if (address !== undefined && interfaceAddress(address) === undefined) {
    add(
      "address",
      `"${address}" is no IPv4 address with its prefix length`,
      "write 10.0.1.10/16; for IPv6 put the network into the image's configuration",
    );
  }
  if (address === undefined && (gateway !== undefined || nameservers.length > 0)) {
    add("address", "is missing beside a gateway or name servers", "give it, or leave all of them to DHCP");
  }
  if (nameservers.length > 2)
    add("nameservers", "the kernel takes two name servers", "leave the others to the configuration");
  for (const [at, each] of [
    ["gateway", gateway],
    ["ntp", ntp],
    ...nameservers.map((one) => ["nameservers", one]),
  ] as const) {
    if (each !== undefined && (parseAddress(each, "").problem || each.includes(":"))) {
      add(at, `"${each}" is no IPv4 address`, "write it as 10.0.0.1");
    }
  }
  return problems;
}

/** Kernel arguments for a network that {@link checkBootNetwork} has nothing to say about. */
export function networkArguments(network: BootNetwork): string[] {
  const { link, bond, vlan, address, gateway = "", nameservers = [], ntp = "" } = network;
  const base = MAC.test(link) ? `enx${link.replaceAll(":", "")}` : link;
  const device = vlan === undefined ? base : `${base}.${vlan}`;
  const { ip = "", mask = "" } = address === undefined ? {} : (interfaceAddress(address) ?? {});
  const how = address === undefined ? "dhcp" : "off";
  const parts = [ip, "", gateway, mask, "", device, how, nameservers[0] ?? "", nameservers[1] ?? "", ntp];
  return [
    ...(bond === undefined ? [] : [`bond=${link}:${bond.links.join(",")}:mode=${bond.mode}`]),
    ...(vlan === undefined ? [] : [`vlan=${device}:${base}`]),
    `ip=${parts.join(":").replace(/:+$/, "")}`,
  ];
}

function interfaceAddress(text: string): { readonly ip: string; readonly mask: string } | undefined {
  const [ip = "", length = ""] = text.split("/");
  const parsed = parseAddress(ip, "");
  if (
    parsed.problem ||
    parsed.value.family !== 4 ||
    !/^\d{1,2}$/.test(length) ||
    Number(length) > 32 ||
    Number(length) < 1
  )
    return undefined;
  const bits = Number(length);
  const value = ((1n << 32n) - 1n) ^ ((1n << BigInt(32 - bits)) - 1n);
  return { ip, mask: formatAddress({ family: 4, value }) };
}
