import * as fc from "fast-check";
import { type AllocationRequest, allocate, type WantedClaim } from "../../components/address/allocate";
import { type AddressRange, contains, formatAddress, parseAddress, parseRange } from "../../components/address/cidr";
import { formatProblem } from "../../components/problem";

function range(text: string): AddressRange {
  const { value } = parseRange(text, "");
  if (!value) throw new Error(`bad range in a test: ${text}`);
  return value;
}

function address(text: string) {
  const { value } = parseAddress(text, "");
  if (!value) throw new Error(`bad address in a test: ${text}`);
  return value;
}

function claim(key: string, wish?: string): WantedClaim {
  return { key, id: `id-${key}`, ...(wish !== undefined && { address: address(wish) }) };
}

function request(
  pool: string,
  claims: readonly WantedClaim[],
  more: Partial<AllocationRequest> = {},
): AllocationRequest {
  return { path: "pools.nodes", ranges: [range(pool)], reserved: [], existing: [], resting: [], claims, ...more };
}

function run(asked: AllocationRequest) {
  const plan = allocate(asked);
  return {
    given: Object.fromEntries([...plan.addresses].map(([key, value]) => [key, formatAddress(value)])),
    problems: plan.problems.map(formatProblem),
    free: plan.free,
  };
}

const keys = fc.uniqueArray(
  fc.integer({ min: 0, max: 30 }).map((n) => `m-${n}`),
  { maxLength: 12 },
);
const offset = fc.integer({ min: 1, max: 20 });

/** A pool of twenty addresses, some reserved, some held, some at rest, and claims old and new. */
const scene = fc
  .record({
    keys,
    former: fc.uniqueArray(offset, { maxLength: 8 }),
    reserved: fc.uniqueArray(offset, { maxLength: 4 }),
    split: fc.nat(8),
  })
  .map(({ keys, former, reserved, split }) => {
    const free = former.filter((one) => !reserved.includes(one));
    const held = free
      .slice(0, split)
      .map((one, index) => ({ id: `id-${keys[index] ?? `gone-${index}`}`, address: address(`10.0.0.${one}`) }));
    const resting = free
      .slice(split)
      .map((one) => ({ id: `id-old-${one}`, address: address(`10.0.0.${one}`), until: "tomorrow" }));
    return request(
      "10.0.0.1-10.0.0.20",
      keys.map((key) => claim(key)),
      {
        existing: held,
        resting,
        reserved: reserved.map((one) => ({ what: "gateway", range: range(`10.0.0.${one}`) })),
      },
    );
  });

describe("allocation, for any pool", () => {
  test("gives no address twice, none outside, none reserved, none at rest", () => {
    fc.assert(
      fc.property(scene, (asked) => {
        const { addresses } = allocate(asked);
        const values = [...addresses.values()];
        expect(new Set(values.map(formatAddress)).size).toBe(values.length);
        for (const [key, one] of addresses) {
          expect(asked.ranges.some((pool) => contains(pool, one))).toBe(true);
          expect(asked.reserved.some((reserved) => contains(reserved.range, one))).toBe(false);
          expect(asked.resting.some((rest) => rest.id !== `id-${key}` && rest.address.value === one.value)).toBe(false);
          expect(asked.existing.some((other) => other.id !== `id-${key}` && other.address.value === one.value)).toBe(
            false,
          );
        }
      }),
    );
  });

  test("gives every claim an address, or says which have none", () => {
    fc.assert(
      fc.property(scene, (asked) => {
        const { addresses, problems } = allocate(asked);
        expect(addresses.size === asked.claims.length).toBe(problems.length === 0);
      }),
    );
  });

  test("does not depend on the order of writing", () => {
    fc.assert(
      fc.property(
        scene.chain((asked) =>
          fc.tuple(fc.constant(asked), fc.shuffledSubarray([...asked.claims], { minLength: asked.claims.length })),
        ),
        ([asked, claims]) => {
          expect(run({ ...asked, claims })).toEqual(run(asked));
        },
      ),
    );
  });

  test("moves no claim when others come and go", () => {
    fc.assert(
      fc.property(
        scene
          .filter((asked) => allocate(asked).problems.length === 0)
          .chain((asked) => fc.tuple(fc.constant(asked), fc.subarray([...asked.claims]), keys)),
        ([asked, kept, added]) => {
          const before = allocate(asked).addresses;
          const existing = asked.claims.flatMap(({ key, id }) => {
            const own = before.get(key);
            return own ? [{ id, address: own }] : [];
          });
          const newcomers = added
            .filter((key) => asked.claims.every((one) => one.key !== key))
            .map((key) => claim(key));
          const after = allocate({ ...asked, existing, claims: [...newcomers, ...kept] }).addresses;
          for (const { key } of kept) expect(after.get(key)).toEqual(before.get(key));
        },
      ),
    );
  });

  test("gives a returning claim the address it held while that rests", () => {
    const resting = [{ id: "id-db", address: address("10.0.0.3"), until: "tomorrow" }];
    expect(run(request("10.0.0.1-10.0.0.5", [claim("app"), claim("db")], { resting })).given).toEqual({
      app: "10.0.0.1",
      db: "10.0.0.3",
    });
  });
});

describe("allocation of a new pool", () => {
  test("an address that its claim leaves for another one is not given away in the same change", () => {
    const existing = [{ id: "id-a", address: address("10.0.0.1") }];
    const moved = run(request("10.0.0.1-10.0.0.9", [claim("a", "10.0.0.5"), claim("b")], { existing }));
    expect(moved).toMatchObject({ given: { a: "10.0.0.5", b: "10.0.0.2" }, problems: [] });
  });

  test("what a claim left behind rests, although the claim itself has another address", () => {
    const resting = [{ id: "id-a", address: address("10.0.0.1"), until: "tomorrow" }];
    const existing = [{ id: "id-a", address: address("10.0.0.5") }];
    const later = run(request("10.0.0.1-10.0.0.9", [claim("a", "10.0.0.5"), claim("b")], { existing, resting }));
    expect(later.given).toEqual({ a: "10.0.0.5", b: "10.0.0.2" });
  });

  test("follows the names as people count", () => {
    const { given, free } = run(request("10.0.0.4-10.0.0.20", [claim("cp-10"), claim("cp-2"), claim("cp-1")]));
    expect(given).toEqual({ "cp-1": "10.0.0.4", "cp-2": "10.0.0.5", "cp-10": "10.0.0.6" });
    expect(free).toBe(14n);
  });

  test("counts the free addresses of an IPv6 network without walking it", () => {
    const { given, free } = run(request("2001:db8::1-2001:db8::ffff:ffff:ffff:ffff", [claim("a")]));
    expect(given).toEqual({ a: "2001:db8::1" });
    expect(free).toBe(2n ** 64n - 2n);
  });

  test("keeps an explicit address and plans around it", () => {
    expect(run(request("10.0.0.1-10.0.0.5", [claim("a"), claim("b", "10.0.0.1")])).given).toEqual({
      b: "10.0.0.1",
      a: "10.0.0.2",
    });
  });
});

describe("what cannot be had", () => {
  const gateway = { what: "network.gateway", range: range("10.0.0.1") };

  test.each<[string, AllocationRequest, string]>([
    [
      "a full pool",
      request("10.0.3.4-10.0.3.5", [claim("a"), claim("b"), claim("c")], {
        existing: [
          { id: "id-a", address: address("10.0.3.4") },
          { id: "id-b", address: address("10.0.3.5") },
        ],
      }),
      "pools.nodes: pool 10.0.3.4-10.0.3.5 is full: 2 of 2 used; none for c (give it at least 3 addresses)",
    ],
    [
      "a pool smaller than its claims",
      request("10.0.0.1-10.0.0.2", [claim("a"), claim("b")], { reserved: [gateway] }),
      "pools.nodes: pool 10.0.0.1-10.0.0.2 has 1 left for 2 claims: 0 of 1 used; none for a, b (give it at least 2 addresses)",
    ],
    [
      "a pool whose free addresses rest",
      request("10.0.0.1-10.0.0.2", [claim("a"), claim("b")], {
        existing: [{ id: "id-a", address: address("10.0.0.1") }],
        resting: [{ id: "id-x", address: address("10.0.0.2"), until: "2030-01-01T00:00:00Z" }],
      }),
      "pools.nodes: pool 10.0.0.1-10.0.0.2 is full: 1 of 2 used, 1 at rest until 2030-01-01T00:00:00Z; none for b (widen the pool, release claims, or refresh the stack once the rest is over)",
    ],
    [
      "an address outside the pool",
      request("10.0.0.4-10.0.0.20", [claim("a", "10.0.9.9")]),
      "pools.nodes.claims.a.address: 10.0.9.9 lies outside the pool 10.0.0.4-10.0.0.20 (choose an address of the pool)",
    ],
    [
      "an IPv6 address of an IPv4 pool",
      request("10.0.0.4-10.0.0.20", [claim("a", "2001:db8::1")]),
      "pools.nodes.claims.a.address: 2001:db8::1 is IPv6, the pool is not (claim it from an IPv6 pool)",
    ],
    [
      "a reserved address",
      request("10.0.0.1-10.0.0.20", [claim("a", "10.0.0.1")], { reserved: [gateway] }),
      "pools.nodes.claims.a.address: 10.0.0.1 is reserved: network.gateway (choose another address)",
    ],
    [
      "the same address twice",
      request("10.0.0.1-10.0.0.20", [claim("a", "10.0.0.7"), claim("b", "10.0.0.7")]),
      "pools.nodes.claims.b.address: 10.0.0.7 is held by the claim a (choose another address, or release that claim)",
    ],
    [
      "an address another claim holds, whatever their names",
      request("10.0.0.1-10.0.0.20", [claim("a", "10.0.0.7"), claim("b")], {
        existing: [{ id: "id-b", address: address("10.0.0.7") }],
      }),
      "pools.nodes.claims.a.address: 10.0.0.7 is held by the claim b (choose another address, or release that claim)",
    ],
    [
      "an address at rest",
      request("10.0.0.1-10.0.0.20", [claim("a", "10.0.0.7")], {
        resting: [{ id: "id-x", address: address("10.0.0.7"), until: "noon" }],
      }),
      "pools.nodes.claims.a.address: 10.0.0.7 was released and rests until noon (wait, or choose another address)",
    ],
    [
      "an address the pool lost",
      request("10.0.0.8-10.0.0.20", [claim("a")], { existing: [{ id: "id-a", address: address("10.0.0.4") }] }),
      "pools.nodes.claims.a: holds 10.0.0.4, which the pool 10.0.0.8-10.0.0.20 no longer has (give the pool that address back, or release the claim: an address in use is never moved)",
    ],
    [
      "an address that became reserved",
      request("10.0.0.1-10.0.0.20", [claim("a")], {
        existing: [{ id: "id-a", address: address("10.0.0.1") }],
        reserved: [gateway],
      }),
      "pools.nodes.claims.a: holds 10.0.0.1, which is now reserved: network.gateway (reserve another address, or release the claim: an address in use is never moved)",
    ],
  ])("%s", (_name, asked, message) => {
    expect(run(asked).problems).toEqual([message]);
  });
});
