import { contains, parseAddress } from "../../components/address/cidr";
import type { NetBoxClaim } from "./claims";
import type { NetBox } from "./client";
import { NetBoxError } from "./errors";
import { findAt, hostOf, nameOf, type Source, sameHost } from "./ipam";
import { claimField, managedTag, siteTag, stackField } from "./setup";
import { type IpAddressRecord, ipAddressSchema } from "./types";

/** Tries when someone else changes the record at the same time. */
const attempts = 3;

/** What is different between a record and what the claim says, as a change of the record; empty when nothing is. */
function difference(
  claim: NetBoxClaim,
  record: IpAddressRecord,
  source: Source,
  addTags: boolean,
): Record<string, unknown> {
  const change: Record<string, unknown> = {};
  if (claim.address !== undefined && !sameHost(claim.address, record.address))
    change.address = `${claim.address}/${source.mask}`;
  const dnsName = (claim.dnsName ?? "").toLowerCase();
  if (record.dns_name !== dnsName) change.dns_name = dnsName;
  const description = claim.description ?? claim.readable;
  if (record.description !== description) change.description = description;
  const status = claim.status ?? "active";
  if (record.status !== status) change.status = status;
  if (claim.interfaceId !== undefined && record.assigned_object_id !== claim.interfaceId) {
    change.assigned_object_type = "dcim.interface";
    change.assigned_object_id = claim.interfaceId;
  }
  const have = record.tags.map(({ slug }) => slug);
  const lacking = [managedTag, siteTag(claim.site)].filter((slug) => !have.includes(slug));
  if (lacking.length > 0) {
    // Tags that people put on the record stay.
    if (addTags) change.add_tags = lacking.map((slug) => ({ slug }));
    else change.tags = [...have, ...lacking].map((slug) => ({ slug }));
  }
  return change;
}

/** Brings a record that the claim holds up to date, and returns it as it is then. Writes only if something differs. */
export async function changeRecord(
  netbox: NetBox,
  source: Source,
  claim: NetBoxClaim,
  seen: IpAddressRecord,
): Promise<IpAddressRecord> {
  const { etag: locks, addTags } = await netbox.capabilities();
  if (Object.keys(difference(claim, seen, source, addTags)).length === 0) return seen;
  for (let attempt = 1; ; attempt++) {
    const { value: record, etag } = await netbox.get(`ipam/ip-addresses/${seen.id}/`, ipAddressSchema);
    if (record.custom_fields[claimField] !== claim.id) {
      throw new NetBoxError("stale", `${hostOf(record.address)} was given to someone else in NetBox`);
    }
    const change = difference(claim, record, source, addTags);
    if (Object.keys(change).length === 0) return record;
    if (claim.address !== undefined && change.address !== undefined) await mustBeFree(netbox, source, claim.address);
    try {
      return await netbox.patch(`ipam/ip-addresses/${record.id}`, change, ipAddressSchema, locks ? etag : undefined);
    } catch (error) {
      if (!(error instanceof NetBoxError) || error.kind !== "stale" || attempt === attempts) throw error;
    }
  }
}

async function mustBeFree(netbox: NetBox, source: Source, address: string): Promise<void> {
  const [holder] = await findAt(netbox, source, [address]);
  if (holder) throw new NetBoxError("invalid", `${address} is held in NetBox by "${nameOf(holder)}"`);
}

/** Why a record that carries the claim is not this stack's to use. */
export function foreignReason(claim: NetBoxClaim, record: IpAddressRecord, source: Source): string | undefined {
  const stack = record.custom_fields[stackField];
  if (stack !== claim.stack) {
    return `${hostOf(record.address)} is kept by the stack ${String(stack ?? "(none)")}; destroy it there first, or rename this claim`;
  }
  const { value } = parseAddress(hostOf(record.address), "");
  if (value && (record.vrf?.id ?? null) === source.vrf && contains(source.range, value)) return undefined;
  return `NetBox has ${record.address} for it, which is outside ${source.text}; correct the record, or release the claim`;
}
