import {
  type AddressRange,
  capacity,
  formatAddress,
  parseAddress,
  parseCidr,
  parseRange,
  sameAddress,
  usable,
} from "../../components/address/cidr";
import type { Problem } from "../../components/problem";
import type { NetBox } from "./client";
import { claimField, stackField } from "./setup";
import { availableSchema, type IpAddressRecord, ipAddressSchema, prefixSchema, rangeSchema, vrfSchema } from "./types";

/** Where in NetBox the addresses of a pool come from. */
export interface Source {
  /** Path of the prefix or range, as in `ipam/prefixes/7`. */
  readonly path: string;
  /** As people write it: `10.0.3.0/24` or `10.0.3.4-10.0.3.20`. */
  readonly text: string;
  readonly vrf: number | null;
  /** The addresses it can give. */
  readonly range: AddressRange;
  /** Length of the mask its addresses carry. */
  readonly mask: number;
}

/** A prefix or a range of NetBox, by what it says. */
export interface SourceQuery {
  /** `10.0.3.0/24` for a prefix, `10.0.3.4-10.0.3.20` for a range. */
  readonly from: string;
  /** Name of the VRF. @default - the global table */
  readonly vrf?: string;
  /** Path of the value in problems. */
  readonly path: string;
}

/** Finds the prefix or range; a problem says what NetBox does not have. */
export async function findSource(netbox: NetBox, query: SourceQuery): Promise<Source | Problem> {
  const { from, vrf, path } = query;
  const where = vrf === undefined ? "the global table" : `VRF ${vrf}`;
  let vrfId: number | null = null;
  if (vrf !== undefined) {
    const found = (await netbox.list("ipam/vrfs", { name: vrf }, vrfSchema)).find((one) => one.name === vrf);
    if (!found) return { path, reason: `NetBox has no VRF ${vrf}`, fix: "create it in NetBox, or correct the name" };
    vrfId = found.id;
  }
  const missing = (what: string): Problem => ({
    path,
    reason: `NetBox has no ${what} ${from} in ${where}`,
    fix: `create the ${what} in NetBox, or correct it`,
  });
  const vrf_id = vrfId ?? "null";

  if (from.includes("/")) {
    const { value: cidr, problem } = parseCidr(from, path);
    if (problem) return problem;
    const prefixes = await netbox.list("ipam/prefixes", { prefix: from, vrf_id }, prefixSchema);
    const prefix = prefixes.find((one) => one.prefix === from && (one.vrf?.id ?? null) === vrfId);
    if (!prefix) return missing("prefix");
    const range = prefix.is_pool ? cidr : usable(cidr);
    return { path: `ipam/prefixes/${prefix.id}`, text: from, vrf: vrfId, range, mask: cidr.prefixLength };
  }

  const { value: range, problem } = parseRange(from, path);
  if (problem) return problem;
  const first = from.split("-")[0]?.trim() ?? "";
  const ranges = await netbox.list("ipam/ip-ranges", { start_address: first, vrf_id }, rangeSchema);
  const found = ranges.find((one) => {
    const own = parseRange(`${hostOf(one.start_address)}-${hostOf(one.end_address)}`, path).value;
    return own?.first === range.first && own.last === range.last && (one.vrf?.id ?? null) === vrfId;
  });
  if (!found) return missing("range");
  if (found.mark_populated) {
    return {
      path,
      reason: `the range ${from} is marked as populated in NetBox`,
      fix: "clear that mark, or name another range",
    };
  }
  const mask = Number(found.start_address.split("/")[1]);
  return { path: `ipam/ip-ranges/${found.id}`, text: from, vrf: vrfId, range, mask };
}

/** The address without its mask. */
export function hostOf(address: string): string {
  return address.split("/")[0] ?? address;
}

/** Keys in one look-up: forty ids of 64 letters stay below the 4094 bytes that a request line may have. */
export const keysAtOnce = 40;

/** Records that hold any of these claims, by claim id. */
export async function findClaims(netbox: NetBox, ids: readonly string[]): Promise<Map<string, IpAddressRecord>> {
  const found = new Map<string, IpAddressRecord>();
  for (let at = 0; at < ids.length; at += keysAtOnce) {
    const batch = ids.slice(at, at + keysAtOnce);
    for (const record of await netbox.list("ipam/ip-addresses", { [`cf_${claimField}`]: batch }, ipAddressSchema)) {
      const id = record.custom_fields[claimField];
      // A filter that NetBox does not know finds everything: only what was asked for counts.
      if (typeof id === "string" && batch.includes(id)) found.set(id, record);
    }
  }
  return found;
}

/** Records of these claims that the stack keeps inside the source's prefix, by claim id. */
export async function findKept(
  netbox: NetBox,
  source: Source,
  stack: string,
  ids: readonly string[],
): Promise<Map<string, IpAddressRecord>> {
  const query = { [`cf_${stackField}`]: stack, parent: coveringPrefix(source), vrf_id: source.vrf ?? "null" };
  const wanted = new Set(ids);
  const found = new Map<string, IpAddressRecord>();
  for (const record of await netbox.list("ipam/ip-addresses", query, ipAddressSchema)) {
    const id = String(record.custom_fields[claimField]);
    if (wanted.has(id) && record.custom_fields[stackField] === stack) found.set(id, record);
  }
  return found;
}

/** What people call a record. */
export function nameOf({ description, dns_name }: IpAddressRecord): string {
  return description || dns_name || "(no description)";
}

/** Records at these addresses in the source's table, whoever made them. */
export async function findAt(netbox: NetBox, source: Source, hosts: readonly string[]): Promise<IpAddressRecord[]> {
  const records: IpAddressRecord[] = [];
  for (let at = 0; at < hosts.length; at += keysAtOnce) {
    const batch = hosts.slice(at, at + keysAtOnce);
    const vrf_id = source.vrf ?? "null";
    const found = await netbox.list("ipam/ip-addresses", { address: batch, vrf_id }, ipAddressSchema);
    records.push(
      ...found.filter(
        (one) => (one.vrf?.id ?? null) === source.vrf && batch.some((host) => sameHost(host, one.address)),
      ),
    );
  }
  return records;
}

/** Whether two texts name the same host, masks apart. */
export function sameHost(a: string, b: string): boolean {
  return sameAddress(hostOf(a), hostOf(b));
}

/** Every record inside the source, lowest address first. */
export async function recordsIn(netbox: NetBox, source: Source): Promise<IpAddressRecord[]> {
  const query = { parent: coveringPrefix(source), vrf_id: source.vrf ?? "null" };
  const found = await netbox.list("ipam/ip-addresses", query, ipAddressSchema);
  return found.filter((record) => {
    const { value } = parseAddress(hostOf(record.address), "");
    return value !== undefined && source.range.first <= value.value && value.value <= source.range.last;
  });
}

/** The network of the source's mask that it lies in. */
function coveringPrefix({ range, mask }: Source): string {
  const size = 1n << BigInt((range.family === 4 ? 32 : 128) - mask);
  return `${formatAddress({ family: range.family, value: range.first - (range.first % size) })}/${mask}`;
}

/** The next free addresses, at most `limit`. Nothing is reserved by asking. */
export async function nextFree(netbox: NetBox, source: Source, limit: number): Promise<string[]> {
  const { value } = await netbox.get(`${source.path}/available-ips/?limit=${limit}`, availableSchema);
  return value.map(({ address }) => hostOf(address));
}

/** "pool 10.0.3.4-10.0.3.20 is full: 17 of 17 used", with who uses it. */
export async function describeFull(netbox: NetBox, source: Source, wanted: number): Promise<string> {
  const records = await recordsIn(netbox, source);
  const size = capacity(source.range);
  const users = records.map((one) => `${hostOf(one.address)} ${nameOf(one)}`);
  const shown = users.slice(0, 8).join(", ");
  const more = users.length > 8 ? ` and ${users.length - 8} more` : "";
  const free = size - BigInt(records.length);
  const state =
    free <= 0n
      ? `is full: ${records.length} of ${size} used`
      : `has ${free} of ${size} addresses left, ${wanted} are needed`;
  return `pool ${source.text} ${state}; in use: ${shown}${more}`;
}
