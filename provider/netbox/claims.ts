import { contains, parseAddress } from "../../components/address/cidr";
import { sleep } from "../wait";
import type { NetBox } from "./client";
import { NetBoxError } from "./errors";
import { describeFull, findAt, findClaims, hostOf, nextFree, type Source, sameHost } from "./ipam";
import { changeRecord } from "./record";
import { claimField, managedTag, siteTag, stackField } from "./setup";
import { type IpAddressRecord, ipAddressSchema } from "./types";

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
  /** @default "active" */
  readonly status?: "active" | "reserved" | "dhcp";
}

/** What was reached: addresses by claim id, and why the rest has none. */
export interface Held {
  readonly addresses: ReadonlyMap<string, string>;
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

/** Addresses in one allocating write; larger ones are hardly faster and hold the server's lock longer. */
const writesAtOnce = 50;

/** Tries of one allocating write whose outcome was unknown. */
const attempts = 5;

/**
 * Brings every claim to an address: finds what it holds, takes back exactly what it had, and has NetBox choose the rest.
 *
 * Safe to run again at any point: a record is found by its claim, and made only after looking for it. What was reached
 * is always returned, also when something failed.
 */
export async function ensureClaims(
  netbox: NetBox,
  source: Source,
  claims: readonly NetBoxClaim[],
  signal: AbortSignal,
): Promise<Held> {
  const addresses = new Map<string, string>();
  const failures: string[] = [];
  const warnings: string[] = [];
  const found = await findClaims(
    netbox,
    claims.map(({ id }) => id),
  );

  for (const claim of claims) {
    signal.throwIfAborted();
    const record = found.get(claim.id);
    if (!record) continue;
    const foreign = foreignReason(claim, record, source);
    if (foreign !== undefined) {
      failures.push(foreign);
      continue;
    }
    if (claim.address === undefined && claim.last !== undefined && !sameHost(claim.last, record.address)) {
      warnings.push(`${claim.readable} moved from ${claim.last} to ${hostOf(record.address)} in NetBox`);
    }
    try {
      const kept = await changeRecord(netbox, source, claim, record);
      addresses.set(claim.id, hostOf(kept.address));
    } catch (error) {
      failures.push(reason(error, claim.readable));
    }
  }

  const missing = claims.filter(({ id }) => !found.has(id));
  const exact = missing.flatMap((claim) => {
    const address = claim.address ?? claim.last;
    return address === undefined ? [] : [{ ...claim, address }];
  });
  const any = missing.filter(({ address, last }) => address === undefined && last === undefined);
  const take = (records: readonly IpAddressRecord[]) => {
    for (const record of records) addresses.set(String(record.custom_fields[claimField]), hostOf(record.address));
  };
  const attempt = async (work: () => Promise<unknown>, what: string) => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      failures.push(reason(error, what));
    }
  };
  await attempt(async () => failures.push(...(await takeExact(netbox, source, exact, signal, take))), source.text);
  await attempt(() => takeAny(netbox, source, any, signal, take), source.text);
  return { addresses, failures, warnings };
}

function reason(error: unknown, what: string): string {
  return `${what}: ${error instanceof Error ? error.message : String(error)}`;
}

/** Why a record that carries the claim is not this stack's to use. */
function foreignReason(claim: NetBoxClaim, record: IpAddressRecord, source: Source): string | undefined {
  const stack = record.custom_fields[stackField];
  if (stack !== claim.stack) {
    return `${claim.readable}: ${hostOf(record.address)} is kept by the stack ${String(stack ?? "(none)")}; destroy it there first, or rename this claim`;
  }
  const { value } = parseAddress(hostOf(record.address), "");
  if (value && (record.vrf?.id ?? null) === source.vrf && contains(source.range, value)) return undefined;
  return `${claim.readable}: NetBox has ${record.address} for it, which is outside ${source.text}; correct the record, or release the claim`;
}

/** Exactly these addresses, in bulk. What another record holds is left alone and reported. */
async function takeExact(
  netbox: NetBox,
  source: Source,
  claims: readonly (NetBoxClaim & { readonly address: string })[],
  signal: AbortSignal,
  take: (records: readonly IpAddressRecord[]) => void,
): Promise<string[]> {
  const failures: string[] = [];
  const there = await findAt(
    netbox,
    source,
    claims.map(({ address }) => address),
  );
  const free = claims.filter((claim) => {
    const holder = there.find((record) => sameHost(record.address, claim.address));
    if (holder)
      failures.push(
        `${claim.readable}: ${claim.address} is held in NetBox by "${holder.description || holder.dns_name}"`,
      );
    return holder === undefined;
  });
  for (const batch of batches(free)) {
    const bodies = batch.map((claim) => ({
      ...body(claim),
      address: `${claim.address}/${source.mask}`,
      vrf: source.vrf,
    }));
    const made = await make(netbox, "ipam/ip-addresses", batch, bodies, signal);
    const { won, lost } = await settle(netbox, source, made);
    take(won);
    for (const record of lost)
      failures.push(`${record.description}: ${hostOf(record.address)} was taken at the same moment`);
  }
  return failures;
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
  take: (records: readonly IpAddressRecord[]) => void,
): Promise<void> {
  if (claims.length === 0) return;
  if ((await nextFree(netbox, source, claims.length)).length < claims.length) {
    throw new NetBoxError("full", await describeFull(netbox, source, claims.length));
  }
  for (const batch of batches(claims)) {
    try {
      take(await make(netbox, `${source.path}/available-ips`, batch, batch.map(body), signal));
    } catch (error) {
      if (!(error instanceof NetBoxError) || error.kind !== "full") throw error;
      throw new NetBoxError("full", await describeFull(netbox, source, batch.length));
    }
  }
}

/**
 * Makes records in one write. When the outcome is unknown, or NetBox says that a claim exists, looks for the claims
 * and makes only what is missing.
 */
async function make(
  netbox: NetBox,
  path: string,
  claims: readonly NetBoxClaim[],
  bodies: readonly object[],
  signal: AbortSignal,
): Promise<IpAddressRecord[]> {
  const done: IpAddressRecord[] = [];
  let left = claims.map((claim, index) => ({ claim, body: bodies[index] }));
  for (let attempt = 1; left.length > 0; attempt++) {
    signal.throwIfAborted();
    try {
      const made = await netbox.post(
        path,
        left.map((one) => one.body),
        ipAddressSchema.array(),
      );
      return [...done, ...made];
    } catch (error) {
      if (!mayExist(error) || attempt === attempts) throw error;
      const found = await findClaims(
        netbox,
        left.map(({ claim }) => claim.id),
      );
      for (const { claim } of left) {
        const record = found.get(claim.id);
        if (record) done.push(record);
      }
      left = left.filter(({ claim }) => !found.has(claim.id));
      if (left.length > 0) await sleep(100 * 2 ** attempt * (0.5 + Math.random()), signal);
    }
  }
  return done;
}

/** Whether the records may be there although the write failed. */
function mayExist(error: unknown): boolean {
  if (!(error instanceof NetBoxError)) return false;
  return error.kind === "unknown" || (error.kind === "invalid" && error.message.includes(claimField));
}

function body(claim: NetBoxClaim) {
  return {
    status: claim.status ?? "active",
    dns_name: (claim.dnsName ?? "").toLowerCase(),
    description: claim.description ?? claim.readable,
    tags: [{ slug: managedTag }, { slug: siteTag(claim.site) }],
    custom_fields: { [claimField]: claim.id, [stackField]: claim.stack },
  };
}

function batches<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / writesAtOnce) }, (_, index) =>
    items.slice(index * writesAtOnce, (index + 1) * writesAtOnce),
  );
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
