import * as fc from "fast-check";
import {
  type AddressRange,
  addresses,
  type Cidr,
  capacity,
  contains,
  formatAddress,
  formatCidr,
  formatRange,
  merge,
  overlaps,
  parseAddress,
  parseCidr,
  parseRange,
  single,
  subtract,
  usable,
} from "../../components/address/cidr";
import { formatProblem } from "../../components/problem";

function cidr(text: string): Cidr {
  const { value, problem } = parseCidr(text, "network");
  if (problem) throw new Error(formatProblem(problem));
  return value;
}

function range(text: string): AddressRange {
  const { value, problem } = parseRange(text, "range");
  if (problem) throw new Error(formatProblem(problem));
  return value;
}

function refusal(parsed: { problem?: { path: string; reason: string; fix: string } | undefined }): string {
  return parsed.problem ? formatProblem(parsed.problem) : "accepted";
}

const value4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n });
const value6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
const address = fc.oneof(
  value4.map((value) => ({ family: 4 as const, value })),
  // IPv4-mapped addresses are refused on purpose
  value6.filter((value) => value >> 32n !== 0xffffn).map((value) => ({ family: 6 as const, value })),
);
const smallRange = fc
  .tuple(fc.bigInt({ min: 0n, max: 200n }), fc.bigInt({ min: 0n, max: 60n }))
  .map(([first, size]): AddressRange => ({ family: 4, first, last: first + size }));

function members(ranges: readonly AddressRange[]): Set<bigint> {
  return new Set([...addresses(ranges)].map((one) => one.value));
}

describe("addresses", () => {
  test("every address survives being written and read", () => {
    fc.assert(
      fc.property(address, (one) => {
        expect(parseAddress(formatAddress(one), "a").value).toEqual(one);
      }),
    );
  });

  test.each([
    ["10.0.0", 'a: "10.0.0" is not an IP address (write four numbers from 0 to 255, or an IPv6 address)'],
    ["10.0.0.256", 'a: "10.0.0.256" is not an IP address (write four numbers from 0 to 255, or an IPv6 address)'],
    ["010.0.0.1", 'a: "010.0.0.1" is not an IP address (write four numbers from 0 to 255, or an IPv6 address)'],
    ["0x0a.0.0.1", 'a: "0x0a.0.0.1" is not an IP address (write four numbers from 0 to 255, or an IPv6 address)'],
    ["fe80::1%eth0", 'a: "fe80::1%eth0" is not an IP address (write four numbers from 0 to 255, or an IPv6 address)'],
    ["10.0.0.1/24", "a: 10.0.0.1/24 is a network, not one address (remove the / and its length)"],
    ["::ffff:10.0.0.1", "a: ::ffff:10.0.0.1 is an IPv4 address in IPv6 form (write 10.0.0.1)"],
    ["", 'a: "" is not an IP address (write four numbers from 0 to 255, or an IPv6 address)'],
  ])("%p is refused", (text, message) => {
    expect(refusal(parseAddress(text, "a"))).toBe(message);
  });
});

describe("networks", () => {
  test.each([
    ["10.0.3.7/24", "n: 10.0.3.7/24 has host bits set (write 10.0.3.0/24)"],
    ["2001:db8::5/64", "n: 2001:db8::5/64 has host bits set (write 2001:db8::/64)"],
    ["10.0.0.0/33", "n: /33 is longer than an IPv4 address (use a length from 0 to 32)"],
    ["10.0.0.0", 'n: "10.0.0.0" is not a network (write it as 10.0.0.0/24 or 2001:db8::/64)'],
    ["10.0.0.0/024", 'n: "10.0.0.0/024" is not a network (write it as 10.0.0.0/24 or 2001:db8::/64)'],
    ["10.0.0/24", 'n: "10.0.0" is not an IP address (write four numbers from 0 to 255, or an IPv6 address)'],
  ])("%p is refused", (text, message) => {
    expect(refusal(parseCidr(text, "n"))).toBe(message);
  });

  test("the fixed network that is offered is accepted and holds the address", () => {
    fc.assert(
      fc.property(address, fc.nat(128), (one, length) => {
        const prefixLength = Math.min(length, one.family === 4 ? 32 : 128);
        const text = `${formatAddress(one)}/${prefixLength}`;
        const first = parseCidr(text, "n");
        const network = first.value ?? cidr(first.problem?.fix.replace("write ", "") ?? "");
        expect(network.prefixLength).toBe(prefixLength);
        expect(contains(network, one)).toBe(true);
      }),
    );
  });

  test.each([
    ["10.0.0.0/24", "10.0.0.1-10.0.0.254"],
    ["10.0.0.0/30", "10.0.0.1-10.0.0.2"],
    ["10.0.0.0/31", "10.0.0.0-10.0.0.1"],
    ["10.0.0.7/32", "10.0.0.7"],
    ["2001:db8::/64", "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff"],
    ["2001:db8::/127", "2001:db8::-2001:db8::1"],
  ])("hosts of %s are %s", (network, hosts) => {
    expect(formatRange(usable(cidr(network)))).toBe(hosts);
    expect(formatCidr(cidr(network))).toBe(network);
  });
});

describe("ranges", () => {
  test.each([
    ["10.0.0.9-10.0.0.4", "r: 10.0.0.9-10.0.0.4 ends before it begins (write 10.0.0.4-10.0.0.9)"],
    ["10.0.0.9-2001:db8::1", "r: 10.0.0.9-2001:db8::1 mixes IPv4 and IPv6 (use one family on both sides of the dash)"],
    ["10.0.0.1-10.0.0.2-10.0.0.3", 'r: "10.0.0.1-10.0.0.2-10.0.0.3" is not a range (write it as 10.0.0.4-10.0.0.20)'],
  ])("%p is refused", (text, message) => {
    expect(refusal(parseRange(text, "r"))).toBe(message);
  });

  test("an address, a range and a network are ranges", () => {
    expect(capacity(range("10.0.0.4"))).toBe(1n);
    expect(capacity(range("10.0.0.4 - 10.0.0.20"))).toBe(17n);
    expect(capacity(range("2001:db8::/64"))).toBe(2n ** 64n);
  });

  test("merge and subtract are set union and difference, in fewest sorted pieces", () => {
    fc.assert(
      fc.property(fc.array(smallRange, { maxLength: 6 }), fc.array(smallRange, { maxLength: 6 }), (a, b) => {
        const without = members(b);
        const expected = [...members(a)].filter((one) => !without.has(one));
        const left = subtract(a, b);
        expect([...members(left)].sort()).toEqual(expected.sort());
        expect(merge(left)).toEqual(left);
        expect(left.reduce((sum, one) => sum + capacity(one), 0n)).toBe(BigInt(expected.length));
      }),
    );
  });

  test("overlap is a shared member, containment is all of them", () => {
    fc.assert(
      fc.property(smallRange, smallRange, (a, b) => {
        const shared = [...members([b])].filter((one) => members([a]).has(one));
        expect(overlaps(a, b)).toBe(shared.length > 0);
        expect(contains(a, b)).toBe(BigInt(shared.length) === capacity(b));
      }),
    );
  });

  test("families never meet", () => {
    const four = { family: 4, value: 7n } as const;
    const six = { family: 6, value: 7n } as const;
    expect(contains(single(four), six)).toBe(false);
    expect(overlaps(single(four), single(six))).toBe(false);
    expect(subtract([single(four)], [single(six)])).toEqual([single(four)]);
  });
});
