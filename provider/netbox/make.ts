import { sleep } from "../wait";
import type { NetBoxClaim } from "./claims";
import type { NetBox } from "./client";
import { NetBoxError } from "./errors";
import { findClaims, type Source } from "./ipam";
import { foreignReason } from "./record";
import { claimField, managedTag, siteTag, stackField } from "./setup";
import { type IpAddressRecord, ipAddressSchema } from "./types";

/** Addresses in one allocating write; larger ones are hardly faster and hold the server's lock longer. */
const writesAtOnce = 50;

/** Tries of one allocating write whose outcome was unknown. */
const attempts = 5;

/** The items in portions of one write each. */
export function batches<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / writesAtOnce) }, (_, index) =>
    items.slice(index * writesAtOnce, (index + 1) * writesAtOnce),
  );
}

/** Makes records at addresses that NetBox chooses, all or none. */
export function makeAny(netbox: NetBox, source: Source, claims: readonly NetBoxClaim[], signal: AbortSignal) {
  return make(netbox, source, `${source.path}/available-ips`, claims, body, signal);
}

/** Makes records at exactly these addresses, all or none. */
export function makeExact<T extends NetBoxClaim & { readonly address: string }>(
  netbox: NetBox,
  source: Source,
  claims: readonly T[],
  signal: AbortSignal,
) {
  const exact = (claim: T) => ({ ...body(claim), address: `${claim.address}/${source.mask}`, vrf: source.vrf });
  return make(netbox, source, "ipam/ip-addresses", claims, exact, signal);
}

function body(claim: NetBoxClaim) {
  return {
    status: claim.status ?? "active",
    dns_name: (claim.dnsName ?? "").toLowerCase(),
    description: claim.description ?? claim.readable,
    tags: [{ slug: managedTag }, { slug: siteTag(claim.site) }],
    custom_fields: { [claimField]: claim.id, [stackField]: claim.stack },
    ...(claim.interfaceId !== undefined && {
      assigned_object_type: "dcim.interface",
      assigned_object_id: claim.interfaceId,
    }),
  };
}

/** What a write made, or found made. */
export interface Made {
  readonly records: readonly IpAddressRecord[];
  /** Claims whose record is someone else's, and why it is not used; one sentence each. */
  readonly foreign: readonly string[];
}

/**
 * Makes records in one write. When the outcome is unknown, or NetBox says that a claim exists, looks for the claims
 * and makes only what is missing.
 */
async function make<T extends NetBoxClaim>(
  netbox: NetBox,
  source: Source,
  path: string,
  claims: readonly T[],
  bodyOf: (claim: T) => object,
  signal: AbortSignal,
): Promise<Made> {
  const records: IpAddressRecord[] = [];
  const foreign: string[] = [];
  let left = claims;
  for (let attempt = 1; left.length > 0; attempt++) {
    signal.throwIfAborted();
    try {
      records.push(...(await netbox.post(path, left.map(bodyOf), ipAddressSchema.array())));
      break;
    } catch (error) {
      if (!mayExist(error) || attempt === attempts) throw error;
    }
    const found = await findClaims(
      netbox,
      left.map(({ id }) => id),
    );
    for (const claim of left) {
      const record = found.get(claim.id);
      const reason = record && foreignReason(claim, record, source);
      if (reason !== undefined) foreign.push(`${claim.readable}: ${reason}`);
      else if (record) records.push(record);
    }
    left = left.filter(({ id }) => !found.has(id));
    if (left.length > 0) await sleep(30 * 2 ** attempt * (0.5 + Math.random()), signal);
  }
  return { records, foreign };
}

/** Whether the records may be there although the write failed. */
function mayExist(error: unknown): boolean {
  if (!(error instanceof NetBoxError)) return false;
  return error.kind === "unknown" || (error.kind === "invalid" && error.message.includes(claimField));
}
