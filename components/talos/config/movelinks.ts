import { configDocument } from "./network";
import { type ConfigDocument, isDocument } from "./yaml";

/**
 * `machine.network.interfaces` as documents, or the reason why it stays: all links are moved or none, and none when any
 * uses something plinth does not write itself (bonds, bridges, WireGuard, DHCP options).
 */
export function moveInterfaces(interfaces: unknown): readonly ConfigDocument[] | string {
  if (!Array.isArray(interfaces)) return "is not a list";
  const documents: ConfigDocument[] = [];
  for (const [index, link] of interfaces.entries()) {
    const moved = isDocument(link) ? moveLink(link, index) : "is not a map";
    if (typeof moved === "string") return `interface ${index + 1} ${moved}: move it by hand`;
    documents.push(...moved);
  }
  return documents;
}

const LINK = ["interface", "deviceSelector", "addresses", "routes", "dhcp", "mtu", "vlans", "vip"];
const VLAN = ["vlanId", "addresses", "routes", "dhcp", "mtu", "vip"];
const SELECTORS = { permanentAddr: "permanent_addr", hardwareAddr: "hardware_addr" } as const;

function moveLink(link: ConfigDocument, index: number): readonly ConfigDocument[] | string {
  const odd = unknownKey(link, LINK);
  if (odd !== undefined) return `has ${odd}`;
  const selected = selector(link.deviceSelector);
  if (typeof selected === "string" && link.deviceSelector !== undefined) return selected;
  const name = typeof link.interface === "string" ? link.interface : `net${index}`;
  const documents: ConfigDocument[] = [];
  if (isDocument(selected)) documents.push(configDocument("LinkAliasConfig", { name, selector: selected }));
  const own = linkDocuments("LinkConfig", name, link, {});
  if (typeof own === "string") return own;
  documents.push(...own);
  for (const vlan of Array.isArray(link.vlans) ? link.vlans : []) {
    if (!isDocument(vlan)) return "has a VLAN that is not a map";
    const strange = unknownKey(vlan, VLAN);
    if (strange !== undefined) return `has a VLAN with ${strange}`;
    const identity = { vlanID: vlan.vlanId, parent: name };
    const tagged = linkDocuments("VLANConfig", `${name}.${String(vlan.vlanId)}`, vlan, identity);
    if (typeof tagged === "string") return tagged;
    documents.push(...tagged);
  }
  return documents;
}

function linkDocuments(
  kind: string,
  name: string,
  link: ConfigDocument,
  identity: ConfigDocument,
): readonly ConfigDocument[] | string {
  const routes = (Array.isArray(link.routes) ? link.routes : []).map(moveRoute);
  const { vip } = link;
  if (isDocument(vip) && unknownKey(vip, ["ip"]) !== undefined) return "has a VIP of a cloud provider";
  const addresses = Array.isArray(link.addresses) ? link.addresses.map((address: unknown) => ({ address })) : undefined;
  return [
    configDocument(kind, { name, ...identity, up: true, addresses, routes, mtu: link.mtu }),
    ...(link.dhcp === true ? [configDocument("DHCPv4Config", { name })] : []),
    ...(isDocument(vip) ? [configDocument("Layer2VIPConfig", { name: vip.ip, link: name })] : []),
  ];
}

function moveRoute(route: unknown): unknown {
  if (!isDocument(route)) return route;
  const { network, ...rest } = route;
  const everywhere = network === undefined || network === "0.0.0.0/0" || network === "::/0" || network === "";
  return everywhere ? rest : { destination: network, ...rest };
}

function selector(value: unknown): ConfigDocument | string {
  if (!isDocument(value)) return "has a device selector that is not a map";
  const entries = Object.entries(value);
  const [key, address] = entries[0] ?? [];
  if (entries.length !== 1 || (key !== "permanentAddr" && key !== "hardwareAddr") || typeof address !== "string") {
    return "selects its device by something other than one MAC address";
  }
  if (address.includes("*")) return "selects its device by a pattern";
  return { match: `mac(link.${SELECTORS[key]}) == ${JSON.stringify(address.toLowerCase())}` };
}

/** The first key that is set and not in the list. */
export function unknownKey(document: ConfigDocument, known: readonly string[]): string | undefined {
  return Object.keys(document).find((key) => !known.includes(key) && document[key] !== undefined);
}
