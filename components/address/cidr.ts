import * as ipaddr from "ipaddr.js";
import type { Problem } from "../problem";

/** IP version. */
export type Family = 4 | 6;

/** One address as a number, so that ranges can be counted and compared. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** A network: the range from its network address to its last address, and the length of its mask. */
export interface Cidr extends AddressRange {
  readonly prefixLength: number;
}

/** A parsed value, or the problem that says why there is none. */
export type Parsed<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: Problem };

const bits = { 4: 32, 6: 128 } as const;

function fail(path: string, reason: string, fix: string): { readonly problem: Problem } {
  return { problem: { path, reason, fix } };
}

function toValue(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function toBytes(value: bigint, family: Family): number[] {
  return Array.from({ length: bits[family] / 8 }, (_, index) =>
    Number((value >> BigInt(bits[family] - 8 * (index + 1))) & 0xffn),
  );
}

/** `10.0.0.7` or `2001:db8::7`. Octal, shortened and zoned forms are refused: tools disagree on what they mean. */
export function parseAddress(text: string, path: string): Parsed<Address> {
  const trimmed = text.trim();
  if (/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(trimmed) && ipaddr.IPv4.isValid(trimmed)) {
    return { value: { family: 4, value: toValue(ipaddr.IPv4.parse(trimmed).toByteArray()) } };
  }
  if (trimmed.includes(":") && !trimmed.includes("%") && ipaddr.IPv6.isValid(trimmed)) {
    const address = ipaddr.IPv6.parse(trimmed);
    if (address.isIPv4MappedAddress()) {
      const plain = address.toIPv4Address().toString();
      return fail(path, `${text} is an IPv4 address in IPv6 form`, `write ${plain}`);
    }
    return { value: { family: 6, value: toValue(address.toByteArray()) } };
  }
  if (trimmed.includes("/")) return fail(path, `${text} is a network, not one address`, "remove the / and its length");
  return fail(path, `"${text}" is not an IP address`, "write four numbers from 0 to 255, or an IPv6 address");
}

/** The usual short form: `10.0.0.7`, `2001:db8::7`. */
export function formatAddress(address: Address): string {
  return ipaddr.fromByteArray(toBytes(address.value, address.family)).toString();
}

/** Whether two texts name the same address, however it is written; texts that are none are the same as nothing. */
export function sameAddress(a: string, b: string): boolean {
  const [left, right] = [parseAddress(a, "").value, parseAddress(b, "").value];
  return left !== undefined && left.family === right?.family && left.value === right.value;
}

/** `10.0.0.0/24`. Host bits are a problem, with the network that was probably meant. */
export function parseCidr(text: string, path: string): Parsed<Cidr> {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text.trim());
  if (match === null) return fail(path, `"${text}" is not a network`, "write it as 10.0.0.0/24 or 2001:db8::/64");
  const [, host = "", length = ""] = match;
  const address = parseAddress(host, path);
  if (address.problem) return address;
  const { family, value } = address.value;
  const prefixLength = Number(length);
  if (prefixLength > bits[family]) {
    return fail(path, `/${length} is longer than an IPv${family} address`, `use a length from 0 to ${bits[family]}`);
  }
  const size = 1n << BigInt(bits[family] - prefixLength);
  const first = value - (value % size);
  const cidr: Cidr = { family, first, last: first + size - 1n, prefixLength };
  if (first !== value) return fail(path, `${text} has host bits set`, `write ${formatCidr(cidr)}`);
  return { value: cidr };
}

/** `10.0.0.0/24`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress({ family: cidr.family, value: cidr.first })}/${cidr.prefixLength}`;
}

/** `10.0.0.4-10.0.0.20`, one address, or a network with all its addresses. */
export function parseRange(text: string, path: string): Parsed<AddressRange> {
  if (text.includes("/")) return parseCidr(text, path);
  const [from = "", to, extra] = text.split("-");
  if (extra !== undefined) return fail(path, `"${text}" is not a range`, "write it as 10.0.0.4-10.0.0.20");
  const first = parseAddress(from, path);
  if (first.problem) return first;
  const last = to === undefined ? first : parseAddress(to, path);
  if (last.problem) return last;
  const { family, value } = first.value;
  if (last.value.family !== family) {
    return fail(path, `${text} mixes IPv4 and IPv6`, "use one family on both sides of the dash");
  }
  if (last.value.value < value) {
    return fail(path, `${text} ends before it begins`, `write ${to?.trim()}-${from.trim()}`);
  }
  return { value: { family, first: value, last: last.value.value } };
}

/** `10.0.0.4-10.0.0.20`, or one address where both ends are the same. */
export function formatRange({ family, first, last }: AddressRange): string {
  const from = formatAddress({ family, value: first });
  return first === last ? from : `${from}-${formatAddress({ family, value: last })}`;
}

/** How many addresses a range has. */
export function capacity(range: AddressRange): bigint {
  return range.last - range.first + 1n;
}

/** Whether the address, or the whole range, lies in `outer`. */
export function contains(outer: AddressRange, inner: Address | AddressRange): boolean {
  const [first, last] = "value" in inner ? [inner.value, inner.value] : [inner.first, inner.last];
  return outer.family === inner.family && outer.first <= first && last <= outer.last;
}

/** Whether two ranges share an address. */
export function overlaps(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/**
 * The addresses of a network that a host can have. IPv4 loses network and broadcast address, except in a /31 and /32;
 * IPv6 loses the subnet-router anycast address, except in a /127 and /128.
 */
export function usable(cidr: Cidr): AddressRange {
  const { family, first, last, prefixLength } = cidr;
  if (prefixLength >= bits[family] - 1) return { family, first, last };
  return { family, first: first + 1n, last: family === 4 ? last - 1n : last };
}

/** One address as a range. */
export function single({ family, value }: Address): AddressRange {
  return { family, first: value, last: value };
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The same addresses as fewest ranges: sorted (IPv4 first), none overlapping, none touching the next. */
export function merge(ranges: readonly AddressRange[]): AddressRange[] {
  const sorted = [...ranges].sort(
    (a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0),
  );
  const merged: AddressRange[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous?.family === range.family && range.first <= previous.last + 1n) {
      merged[merged.length - 1] = { ...previous, last: largest(range.last, previous.last) };
    } else {
      merged.push({ family: range.family, first: range.first, last: range.last });
    }
  }
  return merged;
}

/** What is left of `ranges` without `exclusions`, as fewest ranges. */
export function subtract(ranges: readonly AddressRange[], exclusions: readonly AddressRange[]): AddressRange[] {
  let left = merge(ranges);
  for (const gap of merge(exclusions)) {
    left = left.flatMap((range) => {
      if (!overlaps(range, gap)) return [range];
      const pieces: AddressRange[] = [];
      if (range.first < gap.first) pieces.push({ ...range, last: gap.first - 1n });
      if (gap.last < range.last) pieces.push({ ...range, first: gap.last + 1n });
      return pieces;
    });
  }
  return left;
}

/** Every address, lowest first, one at a time: an IPv6 network is never held in memory. */
export function* addresses(ranges: readonly AddressRange[]): Generator<Address> {
  for (const { family, first, last } of merge(ranges)) {
    for (let value = first; value <= last; value++) yield { family, value };
  }
}
