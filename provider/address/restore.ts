import { readableClaim } from "../../components/address/claim";
import { ProblemError } from "../../components/problem";
import { ensureClaims, type NetBoxClaim } from "../netbox/claims";
import type { NetBox } from "../netbox/client";
import { findClaims, findSource, hostOf } from "../netbox/ipam";
import { stackField } from "../netbox/setup";
import { claimIds, identityOf } from "./shape";
import type { StoredPool } from "./stored";

/** What a restore did to one pool. */
export interface Restored {
  readonly done: readonly string[];
  readonly failures: readonly string[];
}

/** Writes a pool's addresses into NetBox again, each exactly as the state remembers it. */
export async function restoreNetBox(netbox: NetBox, pool: StoredPool, signal: AbortSignal): Promise<Restored> {
  const { inputs, outputs, stack } = pool;
  const path = inputs.prefix === undefined ? "range" : "prefix";
  const source = await findSource(netbox, {
    from: inputs.prefix ?? inputs.range ?? "",
    path: `pools.${inputs.name}.${path}`,
    ...(inputs.vrf !== undefined && { vrf: inputs.vrf }),
  });
  if ("reason" in source) throw new ProblemError("The addresses cannot be restored:", [source]);
  const claims = [...claimIds(inputs)].flatMap(([owner, id]): NetBoxClaim[] => {
    const last = outputs.addresses[owner];
    if (last === undefined) return [];
    const { dnsName, description } = inputs.claims[owner] ?? {};
    const readable = readableClaim(identityOf(inputs, owner));
    return [
      {
        id,
        readable,
        site: inputs.site,
        stack,
        last,
        ...(dnsName !== undefined && { dnsName }),
        ...(description !== undefined && { description }),
      },
    ];
  });
  const before = await findClaims(
    netbox,
    claims.map(({ id }) => id),
  );
  const { addresses, failures, warnings } = await ensureClaims(netbox, source, claims, signal);
  const done = claims.flatMap(({ id, readable }) => {
    const address = addresses.get(id);
    return address === undefined || before.has(id) ? [] : [`recorded ${address} for ${readable}`];
  });
  return { done, failures: [...failures, ...warnings] };
}

/** A pool's addresses as NetBox has them, for the state. */
export async function addressesInNetBox(netbox: NetBox, { inputs, outputs, stack }: StoredPool) {
  const ids = claimIds(inputs);
  const found = await findClaims(netbox, [...ids.values()]);
  const addresses: Record<string, string> = { ...outputs.addresses };
  const done: string[] = [];
  const pending: string[] = [];
  for (const [owner, id] of ids) {
    const record = found.get(id);
    if (record?.custom_fields[stackField] !== stack) {
      pending.push(owner);
      continue;
    }
    const address = hostOf(record.address);
    if (addresses[owner] !== address) done.push(`${owner}: ${addresses[owner] ?? "(none)"} became ${address}`);
    addresses[owner] = address;
  }
  return { outputs: { addresses, pending }, done };
}
