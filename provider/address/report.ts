import { capacity, subtract } from "../../components/address/cidr";
import { readableClaim } from "../../components/address/claim";
import type { PoolInputs } from "../../components/address/IpPool";
import type { Problem } from "../../components/problem";
import type { NetBox } from "../netbox/client";
import { findClaims, findSource, hostOf, nextFree, recordsIn } from "../netbox/ipam";
import { claimField, stackField } from "../netbox/setup";
import type { IpAddressRecord } from "../netbox/types";
import type { PoolState } from "./backend";
import { claimIds, identityOf, readPool } from "./shape";
import { planPool } from "./static";

/** One claim of a pool and its address. */
export interface ClaimReport {
  readonly owner: string;
  /** As in `home/nodes/cp-1/address`. */
  readonly claim: string;
  readonly id: string;
  /** Absent when only the update will know it. */
  readonly address?: string;
  /** Where the address comes from, as a sentence's end. */
  readonly why: string;
}

/** A pool, its claims, what is left of it, and what does not fit together. */
export interface PoolReport {
  readonly pool: string;
  /** `10.0.3.4-10.0.3.20 (static)` */
  readonly from: string;
  readonly claims: readonly ClaimReport[];
  /** As in `15 of 17 left, 1 at rest`. */
  readonly left: string;
  readonly problems: readonly Problem[];
  /** What NetBox and the state do not agree on, one sentence each. */
  readonly disagreements: readonly string[];
}

/** A static pool, from its inputs and the state if there is one. */
export function reportStatic(inputs: PoolInputs, prior?: PoolState): PoolReport {
  const { shape, problems } = readPool(inputs);
  const plan = planPool(inputs, prior);
  const size = subtract(
    shape.ranges,
    shape.reserved.map(({ range }) => range),
  ).reduce((sum, range) => sum + capacity(range), 0n);
  const resting = plan.resting.length + plan.released.length;
  const claims = identities(inputs).map((claim): ClaimReport => {
    const address = plan.addresses[claim.owner];
    const held = prior?.outputs.addresses[claim.owner];
    const rested = prior?.outputs.resting.some(({ id }) => id === claim.id);
    const why =
      address === undefined
        ? "it gets none"
        : inputs.claims[claim.owner]?.address !== undefined
          ? "the site file asks for it"
          : held === address
            ? "the state holds it"
            : rested
              ? "it had it before and gets it back"
              : "the lowest that is free";
    return { ...claim, why, ...(address !== undefined && { address }) };
  });
  return {
    pool: inputs.name,
    from: `${inputs.range ?? ""} (static)`,
    claims,
    left: `${plan.allocation.free} of ${size} left${resting > 0 ? `, ${resting} at rest` : ""}`,
    problems: [...problems, ...plan.allocation.problems],
    disagreements: [],
  };
}

/** A NetBox pool, from what NetBox says now. */
export async function reportNetBox(
  netbox: NetBox,
  inputs: PoolInputs,
  stack: string,
  prior?: PoolState,
): Promise<PoolReport> {
  const from = inputs.prefix ?? inputs.range ?? "";
  const path = inputs.prefix === undefined ? "range" : "prefix";
  const source = await findSource(netbox, { from, path, ...(inputs.vrf !== undefined && { vrf: inputs.vrf }) });
  const report = { pool: inputs.name, from: `${from} (NetBox)` };
  if ("reason" in source) return { ...report, claims: [], left: "unknown", problems: [source], disagreements: [] };
  const ids = claimIds(inputs);
  const [found, records] = await Promise.all([findClaims(netbox, [...ids.values()]), recordsIn(netbox, source)]);
  const open = identities(inputs).filter(
    ({ id, owner }) => !found.has(id) && inputs.claims[owner]?.address === undefined,
  );
  const next = await nextFree(netbox, source, Math.max(1, open.length));
  const claims = identities(inputs).map((claim) => {
    const known = found.get(claim.id);
    if (known) return { ...claim, address: hostOf(known.address), why: `record ${known.id} of NetBox` };
    const wish = inputs.claims[claim.owner]?.address;
    if (wish !== undefined) return { ...claim, address: wish, why: "the site file asks for it; not recorded yet" };
    const last = prior?.outputs.addresses[claim.owner];
    if (last !== undefined)
      return { ...claim, address: last, why: "the state remembers it; the update records it again" };
    const address = next[open.findIndex(({ id }) => id === claim.id)];
    return {
      ...claim,
      why: address === undefined ? "none is free" : "next free, not reserved",
      ...(address !== undefined && { address }),
    };
  });
  return {
    ...report,
    claims,
    left: `${capacity(source.range) - BigInt(records.length)} of ${capacity(source.range)} left`,
    problems: [],
    disagreements: disagreements(inputs, stack, found, records, prior),
  };
}

function disagreements(
  inputs: PoolInputs,
  stack: string,
  found: ReadonlyMap<string, IpAddressRecord>,
  records: readonly IpAddressRecord[],
  prior: PoolState | undefined,
): string[] {
  const sentences: string[] = [];
  for (const { owner, id } of identities(inputs)) {
    const record = found.get(id);
    const remembered = prior?.outputs.addresses[owner];
    const keeper = record?.custom_fields[stackField];
    if (record && keeper !== stack)
      sentences.push(`${owner}: ${hostOf(record.address)} is kept by the stack ${String(keeper)}`);
    if (remembered === undefined) continue;
    if (!record) sentences.push(`${owner}: the state says ${remembered}, NetBox has no record of it`);
    else if (hostOf(record.address) !== remembered) {
      sentences.push(`${owner}: the state says ${remembered}, NetBox says ${hostOf(record.address)}`);
    }
  }
  const wanted = new Set(claimIds(inputs).values());
  for (const record of records) {
    const id = record.custom_fields[claimField];
    if (record.custom_fields[stackField] !== stack || record.status === "reserved" || wanted.has(String(id))) continue;
    sentences.push(`${hostOf(record.address)} (${record.description}) is kept for this stack, and nothing claims it`);
  }
  return sentences;
}

function identities(inputs: PoolInputs): { owner: string; claim: string; id: string }[] {
  return [...claimIds(inputs)].map(([owner, id]) => ({ owner, claim: readableClaim(identityOf(inputs, owner)), id }));
}
