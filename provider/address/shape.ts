import type { Reserved, WantedClaim } from "../../components/address/allocate";
import {
  type AddressRange,
  type Parsed,
  parseAddress,
  parseCidr,
  parseRange,
  usable,
} from "../../components/address/cidr";
import { type ClaimIdentity, claimId } from "../../components/address/claim";
import type { PoolInputs } from "../../components/address/IpPool";
import type { Problem } from "../../components/problem";
import { propertyPath } from "../resource";

/** A pool's inputs, read. */
export interface PoolShape {
  readonly ranges: readonly AddressRange[];
  readonly reserved: readonly Reserved[];
  readonly claims: readonly WantedClaim[];
}

/** Identity of one claim of a pool. */
export function identityOf({ site, vrf, name, claims }: PoolInputs, owner: string): ClaimIdentity {
  const purpose = claims[owner]?.purpose;
  return { site, pool: name, owner, ...(vrf !== undefined && { vrf }), ...(purpose !== undefined && { purpose }) };
}

/** Claim ids by owner. */
export function claimIds(inputs: PoolInputs): Map<string, string> {
  return new Map(Object.keys(inputs.claims).map((owner) => [owner, claimId(identityOf(inputs, owner))]));
}

/** Addresses and claims of a pool, with everything that is wrong with how they are written. */
export function readPool(inputs: PoolInputs): { shape: PoolShape; problems: readonly Problem[] } {
  const problems: Problem[] = sourceProblems(inputs);
  const read = <T>(parsed: Parsed<T>): T[] => {
    if (!parsed.problem) return [parsed.value];
    problems.push(parsed.problem);
    return [];
  };
  const ranges = [
    ...(inputs.range === undefined ? [] : read(hosts(inputs.range, "range"))),
    ...(inputs.prefix === undefined ? [] : read(hosts(inputs.prefix, "prefix"))),
  ];
  const reserved = [
    ...(inputs.exclude ?? []).flatMap((text, index) =>
      read(parseRange(text, propertyPath("exclude", index))).map((range) => ({ what: `exclude ${text}`, range })),
    ),
    ...Object.entries(inputs.reserved ?? {}).flatMap(([what, text]) =>
      read(parseRange(text, propertyPath("reserved", what))).map((range) => ({ what, range })),
    ),
  ];
  const ids = claimIds(inputs);
  const claims = Object.entries(inputs.claims).map(([key, { address }]): WantedClaim => {
    const [wish] = address === undefined ? [] : read(parseAddress(address, `claims.${key}.address`));
    return { key, id: ids.get(key) ?? "", ...(wish && { address: wish }) };
  });
  return { shape: { ranges, reserved, claims }, problems };
}

/** The addresses of a range, or those of a network that a host can have. */
function hosts(text: string, path: string): Parsed<AddressRange> {
  if (!text.includes("/")) return parseRange(text, path);
  const { value, problem } = parseCidr(text, path);
  return problem ? { problem } : { value: usable(value) };
}

function sourceProblems({ backend, range, prefix, claims }: PoolInputs): Problem[] {
  if (backend !== "netbox") {
    const registered = Object.keys(claims).find((owner) => claims[owner]?.register !== undefined);
    if (registered !== undefined) {
      return [
        {
          path: `claims.${registered}.register`,
          reason: "has no meaning in a static pool",
          fix: "remove it, or use backend netbox",
        },
      ];
    }
    if (prefix !== undefined) {
      return [
        {
          path: "prefix",
          reason: "has no meaning in a static pool",
          fix: "write its addresses as range, or use backend netbox",
        },
      ];
    }
    return range === undefined
      ? [{ path: "range", reason: "is missing", fix: "write first and last address, as 10.0.3.4-10.0.3.20" }]
      : [];
  }
  if ((range === undefined) !== (prefix === undefined)) return [];
  return [
    { path: "prefix", reason: "a NetBox pool is one prefix or one range", fix: "name exactly one of prefix and range" },
  ];
}
