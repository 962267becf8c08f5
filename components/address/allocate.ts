import type { Problem } from "../problem";
import {
  type Address,
  type AddressRange,
  addresses,
  capacity,
  contains,
  formatAddress,
  formatRange,
  single,
  subtract,
} from "./cidr";

/** Addresses that are never given out, and why. */
export interface Reserved {
  /** What holds them, as in `gateway` or `machines.db.address`. */
  readonly what: string;
  readonly range: AddressRange;
}

/** A claim to be given an address. */
export interface WantedClaim {
  /** Its name in the pool. */
  readonly key: string;
  /** Its identity (see `claimId`). */
  readonly id: string;
  /** Exactly this address. @default - the one it has, or the lowest free one */
  readonly address?: Address;
}

/** An address that a claim holds already. */
export interface Allocation {
  readonly id: string;
  readonly address: Address;
}

/** An address that was freed a short while ago and is not given to another claim yet. */
export interface RestingAddress extends Allocation {
  /** When it may be given away again, for people. */
  readonly until: string;
}

/** What {@link allocate} decides from. */
export interface AllocationRequest {
  /** Path of the pool in problems, as in `pools.nodes`; empty when the pool is the whole input. */
  readonly path: string;
  readonly ranges: readonly AddressRange[];
  readonly reserved: readonly Reserved[];
  readonly existing: readonly Allocation[];
  readonly resting: readonly RestingAddress[];
  readonly claims: readonly WantedClaim[];
}

/** Addresses by the claims' keys; with any problem, those of the claims that have none. */
export interface AllocationPlan {
  readonly addresses: ReadonlyMap<string, Address>;
  readonly problems: readonly Problem[];
  /** Addresses left for further claims. */
  readonly free: bigint;
}

function describeRanges(ranges: readonly AddressRange[]): string {
  return ranges.map(formatRange).join(", ");
}

function below(path: string, ...parts: readonly string[]): string {
  return [path, ...parts].filter((part) => part !== "").join(".");
}

/** `cp-2` before `cp-10`: people read addresses in the order of the names. */
export function byName(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true }) || (a < b ? -1 : a > b ? 1 : 0);
}

/**
 * Gives every claim an address of the pool. Pure: the same request gives the same plan.
 *
 * A claim keeps what it holds, and gets back what it held while that rests. The rest take the lowest free addresses in
 * the order of their names, so neither the order of writing nor other claims' coming and going moves any of them.
 */
export function allocate(request: AllocationRequest): AllocationPlan {
  const held = new Map([...request.resting, ...request.existing].map(({ id, address }) => [id, address]));
  const given = new Map<string, Address>();
  const problems: Problem[] = [];
  const newcomers: WantedClaim[] = [];

  const claims = [...request.claims].sort((a, b) => byName(a.key, b.key) || byName(a.id, b.id));
  // Wishes last: what others hold already decides whether a wish can be granted, not the order of names.
  for (const claim of claims.filter(({ address }) => address === undefined)) {
    const address = held.get(claim.id);
    if (address === undefined) {
      newcomers.push(claim);
      continue;
    }
    const problem = heldProblem(request, claim, address);
    if (problem) problems.push(problem);
    else given.set(claim.key, address);
  }
  for (const claim of claims) {
    if (claim.address === undefined) continue;
    const problem = wishProblem(request, claim, claim.address, given);
    if (problem) problems.push(problem);
    else given.set(claim.key, claim.address);
  }

  // Whatever is held or rests stays closed, also what a claim leaves behind that moves to the address it asks for.
  const closed = [...request.existing, ...request.resting].map(({ address }) => address);
  const taken = [...given.values(), ...closed].map(single);
  const open = subtract(request.ranges, [...request.reserved.map(({ range }) => range), ...taken]);
  const free = open.reduce((sum, range) => sum + capacity(range), 0n);
  if (BigInt(newcomers.length) > free) {
    problems.push(fullProblem(request, newcomers, free));
    return { addresses: given, problems, free };
  }
  const lowest = addresses(open);
  for (const claim of newcomers) {
    const { value } = lowest.next();
    if (value) given.set(claim.key, value);
  }
  return { addresses: given, problems, free: free - BigInt(newcomers.length) };
}

/** Why a claim cannot keep what it holds. It is never moved silently. */
function heldProblem(
  { path, ranges, reserved }: AllocationRequest,
  { key }: WantedClaim,
  own: Address,
): Problem | undefined {
  const where = below(path, "claims", key);
  const text = formatAddress(own);
  if (!ranges.some((range) => contains(range, own))) {
    return {
      path: where,
      reason: `holds ${text}, which the pool ${describeRanges(ranges)} no longer has`,
      fix: "give the pool that address back, or release the claim: an address in use is never moved",
    };
  }
  const taken = reserved.find(({ range }) => contains(range, own));
  return (
    taken && {
      path: where,
      reason: `holds ${text}, which is now reserved: ${taken.what}`,
      fix: "reserve another address, or release the claim: an address in use is never moved",
    }
  );
}

/** Why a claim cannot have the address it asks for. */
function wishProblem(
  { path, ranges, reserved, resting }: AllocationRequest,
  { key, id }: WantedClaim,
  wish: Address,
  given: ReadonlyMap<string, Address>,
): Problem | undefined {
  const where = below(path, "claims", key, "address");
  const text = formatAddress(wish);
  if (ranges.every(({ family }) => family !== wish.family)) {
    return {
      path: where,
      reason: `${text} is IPv${wish.family}, the pool is not`,
      fix: `claim it from an IPv${wish.family} pool`,
    };
  }
  if (!ranges.some((range) => contains(range, wish))) {
    return {
      path: where,
      reason: `${text} lies outside the pool ${describeRanges(ranges)}`,
      fix: "choose an address of the pool",
    };
  }
  const taken = reserved.find(({ range }) => contains(range, wish));
  if (taken) return { path: where, reason: `${text} is reserved: ${taken.what}`, fix: "choose another address" };
  const holder = [...given].find(([, address]) => address.value === wish.value && address.family === wish.family)?.[0];
  if (holder !== undefined) {
    return {
      path: where,
      reason: `${text} is held by the claim ${holder}`,
      fix: "choose another address, or release that claim",
    };
  }
  const rest = resting.find(({ address }) => address.value === wish.value && address.family === wish.family);
  if (rest && rest.id !== id) {
    return {
      path: where,
      reason: `${text} was released and rests until ${rest.until}`,
      fix: "wait, or choose another address",
    };
  }
  return undefined;
}

function fullProblem(request: AllocationRequest, newcomers: readonly WantedClaim[], free: bigint): Problem {
  const { path, ranges, reserved, resting, claims } = request;
  const open = subtract(
    ranges,
    reserved.map(({ range }) => range),
  );
  const size = open.reduce((sum, range) => sum + capacity(range), 0n);
  const atRest = resting.filter(({ id }) => claims.every((claim) => claim.id !== id));
  const used = size - free - BigInt(atRest.length);
  const rest =
    atRest.length === 0 ? "" : `, ${atRest.length} at rest until ${atRest.map(({ until }) => until).sort()[0]}`;
  const state = free === 0n ? "is full" : `has ${free} left for ${newcomers.length} claims`;
  return {
    path,
    reason: `pool ${describeRanges(ranges)} ${state}: ${used} of ${size} used${rest}; none for ${newcomers.map(({ key }) => key).join(", ")}`,
    fix: fullFix(BigInt(claims.length) > size ? claims.length : undefined, atRest.length > 0),
  };
}

function fullFix(needed: number | undefined, rests: boolean): string {
  if (needed !== undefined) return `give it at least ${needed} addresses`;
  return rests
    ? "widen the pool, release claims, or refresh the stack once the rest is over"
    : "widen the pool or release claims";
}
