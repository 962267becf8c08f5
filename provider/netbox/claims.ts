import type { NetBox } from "./client";
import { NetBoxError } from "./errors";
import {
  describeFull,
  findAt,
  findClaims,
  findKept,
  hostOf,
  keysAtOnce,
  nameOf,
  nextFree,
  type Source,
  sameHost,
} from "./ipam";
import { batches, makeAny, makeExact } from "./make";
import { changeRecord, foreignReason } from "./record";
import { claimField, stackField } from "./setup";
import type { IpAddressRecord } from "./types";

/** One claim as NetBox shall know it. */
export interface NetBoxClaim {
  /** See `claimId`. */
  readonly id: string;
  /** See `readableClaim`; how people find the record. */
  readonly readable: string;
  readonly site: string;
  /** Stack that keeps the record, as in `plinth/home`. */
  readonly stack: string;
  /** Exactly this address. @default - the one it holds, or any free one */
  readonly address?: string;
  /** The address the claim had when it was last seen; taken again if the record is gone. @default none */
  readonly last?: string;
  readonly dnsName?: string;
  /** @default - the readable form */
  readonly description?: string;
  /** Id of the interface the address is on. @default - as it is */
  readonly interfaceId?: number;
  /** @default "active" */
  readonly status?: "active" | "reserved" | "dhcp";
}

/** What was reached: addresses by claim id, and why the rest has none. */
export interface Held {
  readonly addresses: ReadonlyMap<string, string>;
  /** Ids of the claims whose record is as wanted. */
  readonly settled: ReadonlySet<string>;
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  /** Whether anything was written, or may have been. */
  readonly touched: boolean;
}

/** Notes of one run, filled in as it goes. */
class Notes implements Held {
  readonly addresses = new Map<string, string>();
  readonly settled = new Set<string>();
  readonly failures: string[] = [];
  readonly warnings: string[] = [];
  touched = false;

  /** A failure ends one piece of work and is kept; what was reached before stays. */
  async attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** A record that the claim has, whatever else is to be done to it. */
  hold(record: IpAddressRecord): void {
    this.addresses.set(String(record.custom_fields[claimField]), hostOf(record.address));
  }

  /** Records as they shall be. */
  take(records: readonly IpAddressRecord[]): void {
    for (const record of records) {
      this.hold(record);
      this.settled.add(String(record.custom_fields[claimField]));
    }
  }
}

/**
 * Brings every claim to an address: finds what it holds, takes back exactly what it had, and has NetBox choose the rest.
 *
 * Safe to run again at any point: a record is found by its claim, and made only after looking for it. What was reached
 * is always returned, also when something failed; it throws only before the first change.
 */
export async function ensureClaims(
  netbox: NetBox,
  source: Source,
  claims: readonly NetBoxClaim[],
  signal: AbortSignal,
): Promise<Held> {
  signal.throwIfAborted();
  const notes = new Notes();
  const found = await findOwn(netbox, source, claims);
  for (const claim of claims) {
    const record = found.get(claim.id);
    if (record) await notes.attempt(claim.readable, () => keep(netbox, source, claim, record, signal, notes));
  }
  const missing = claims.filter(({ id }) => !found.has(id));
  const exact = missing.flatMap((claim) => {
    const address = claim.address ?? claim.last;
    return address === undefined ? [] : [{ ...claim, address }];
  });
  const any = missing.filter(({ address, last }) => address === undefined && last === undefined);
  await notes.attempt(source.text, () => takeExact(netbox, source, exact, signal, notes));
  await notes.attempt(source.text, () => takeAny(netbox, source, any, signal, notes));
  return notes;
}

/**
 * Records of these claims. Many are looked up by their stack, in one request instead of one for every forty; what is
 * kept elsewhere is then found when its claim is made a second time.
 */
async function findOwn(
  netbox: NetBox,
  source: Source,
  claims: readonly NetBoxClaim[],
): Promise<Map<string, IpAddressRecord>> {
  const ids = claims.map(({ id }) => id);
  const [stack, ...others] = new Set(claims.map((claim) => claim.stack));
  if (stack === undefined || others.length > 0 || ids.length <= keysAtOnce) return findClaims(netbox, ids);
  return findKept(netbox, source, stack, ids);
}

/** Keeps a record that a claim has, and brings it up to date. */
async function keep(
  netbox: NetBox,
  source: Source,
  claim: NetBoxClaim,
  record: IpAddressRecord,
  signal: AbortSignal,
  notes: Notes,
): Promise<void> {
  const foreign = foreignReason(claim, record, source);
  if (foreign !== undefined) throw new NetBoxError("invalid", foreign);
  notes.hold(record);
  if (claim.address === undefined && claim.last !== undefined && !sameHost(claim.last, record.address)) {
    notes.warnings.push(`${claim.readable} moved from ${claim.last} to ${hostOf(record.address)} in NetBox`);
  }
  signal.throwIfAborted();
  notes.touched = true;
  notes.take([await changeRecord(netbox, source, claim, record)]);
}

/** Exactly these addresses, in bulk. What another record holds is left alone and reported. */
async function takeExact(
  netbox: NetBox,
  source: Source,
  claims: readonly (NetBoxClaim & { readonly address: string })[],
  signal: AbortSignal,
  notes: Notes,
): Promise<void> {
  const there = await findAt(
    netbox,
    source,
    claims.map(({ address }) => address),
  );
  const free = claims.filter((claim) => {
    const holder = there.find((record) => sameHost(record.address, claim.address));
    if (holder) notes.failures.push(`${claim.readable}: ${claim.address} is held in NetBox by "${nameOf(holder)}"`);
    return holder === undefined;
  });
  for (const batch of batches(free)) {
    signal.throwIfAborted();
    notes.touched = true;
    const { records, foreign } = await makeExact(netbox, source, batch, signal);
    notes.failures.push(...foreign);
    const { won, lost } = await settle(netbox, source, records);
    notes.take(won);
    for (const record of lost)
      notes.failures.push(`${record.description}: ${hostOf(record.address)} was taken at the same moment`);
  }
}

/** Where NetBox does not enforce unique addresses, two may make one at once: the older record stays, ours goes. */
async function settle(netbox: NetBox, source: Source, made: readonly IpAddressRecord[]) {
  const there = await findAt(
    netbox,
    source,
    made.map(({ address }) => hostOf(address)),
  );
  const lost = made.filter((own) => there.some((other) => other.id < own.id && sameHost(other.address, own.address)));
  await netbox.remove(
    "ipam/ip-addresses",
    lost.map(({ id }) => id),
  );
  return { won: made.filter((record) => !lost.includes(record)), lost };
}

/** Free addresses that NetBox chooses, in bulk; nothing is written when there are too few. */
async function takeAny(
  netbox: NetBox,
  source: Source,
  claims: readonly NetBoxClaim[],
  signal: AbortSignal,
  notes: Notes,
): Promise<void> {
  if (claims.length === 0) return;
  if ((await nextFree(netbox, source, claims.length)).length < claims.length) {
    throw new NetBoxError("full", await describeFull(netbox, source, claims.length));
  }
  for (const batch of batches(claims)) {
    signal.throwIfAborted();
    notes.touched = true;
    try {
      const { records, foreign } = await makeAny(netbox, source, batch, signal);
      notes.failures.push(...foreign);
      notes.take(records);
    } catch (error) {
      if (!(error instanceof NetBoxError) || error.kind !== "full") throw error;
      throw new NetBoxError("full", await describeFull(netbox, source, batch.length));
    }
  }
}

/** Gives back the addresses of these claims, where this stack keeps them. Returns how many there were. */
export async function releaseClaims(netbox: NetBox, ids: readonly string[], stack: string): Promise<number> {
  const found = [...(await findClaims(netbox, ids)).values()].filter(
    (record) => record.custom_fields[stackField] === stack,
  );
  await netbox.remove(
    "ipam/ip-addresses",
    found.map(({ id }) => id),
  );
  return found.length;
}
