import {
  type AddressRange,
  addresses,
  capacity,
  contains,
  formatAddress,
  subtract,
} from "../../components/address/cidr";
import { claimId, readableClaim } from "../../components/address/claim";
import type { PoolInputs } from "../../components/address/IpPool";
import type { Problem } from "../../components/problem";
import { ensureClaims, type Held, type NetBoxClaim } from "../netbox/claims";
import type { NetBox } from "../netbox/client";
import { findAt, type Source, sameHost } from "../netbox/ipam";
import type { Context } from "../resource";
import { stackOf } from "./backend";
import { readPool } from "./shape";

/** Reserved addresses that one pool writes down in NetBox at most. */
const mostReserved = 256n;

/** Too many reserved addresses to write down. */
export function reservedProblems(inputs: PoolInputs, range: AddressRange): Problem[] {
  const count = reservedRanges(inputs, range).reduce((sum, one) => sum + capacity(one), 0n);
  if (count <= mostReserved) return [];
  return [
    {
      path: "exclude",
      reason: `keeps back ${count} addresses of the NetBox pool; plinth records at most ${mostReserved}`,
      fix: "make an IP range in NetBox that is marked as populated, and remove them here",
    },
  ];
}

/** The reserved parts of the pool. */
function reservedRanges(inputs: PoolInputs, range: AddressRange): AddressRange[] {
  const open = subtract(
    [range],
    readPool(inputs).shape.reserved.map((one) => one.range),
  );
  return subtract([range], open);
}

/**
 * Reserved addresses as records of NetBox: it gives out the lowest free address and knows nothing of a gateway that
 * nobody wrote down.
 */
export function reservations(inputs: PoolInputs, context: Context): (NetBoxClaim & { readonly address: string })[] {
  const { shape } = readPool(inputs);
  const [range] = shape.ranges;
  if (!range) return [];
  const { site, vrf, name } = inputs;
  return [...addresses(reservedRanges(inputs, range))].map((address) => {
    const host = formatAddress(address);
    const identity = { site, pool: name, owner: "reserved", purpose: host, ...(vrf !== undefined && { vrf }) };
    const what = shape.reserved.find((one) => contains(one.range, address))?.what;
    return {
      id: claimId(identity),
      readable: readableClaim(identity),
      site,
      stack: stackOf(context.urn),
      address: host,
      description: `reserved: ${what}`.slice(0, 200),
      status: "reserved",
    };
  });
}

/** Records the reserved addresses that nobody has recorded; a record of anyone does. */
export async function reserve(netbox: NetBox, source: Source, inputs: PoolInputs, context: Context): Promise<Held> {
  const wanted = reservations(inputs, context);
  const there = await findAt(
    netbox,
    source,
    wanted.map(({ address }) => address),
  );
  const open = wanted.filter(({ address }) => there.every((record) => !sameHost(record.address, address)));
  return ensureClaims(netbox, source, open, context.signal);
}
