import { type AddressRange, addresses, formatAddress, single, subtract, usable } from "../../components/address/cidr";
import { ApiError, detail, type FieldErrors } from "./errors";
import { cidrOf, hostOf } from "./fields";
import { ipAddresses, prefixes, rangeOf } from "./ipam";
import type { Model } from "./model";
import { create, type Scope } from "./objects";
import type { Row, Store } from "./store";

type Body = Readonly<Record<string, unknown>>;

/** A prefix or range that addresses are taken from. */
interface Parent {
  readonly range: AddressRange;
  readonly mask: number;
  readonly vrf: unknown;
  readonly populated: boolean;
}

function parentOf(model: Model, row: Row): Parent {
  if (model === prefixes) {
    const cidr = cidrOf(row.prefix);
    return {
      range: row.is_pool === true ? cidr : usable(cidr),
      mask: cidr.prefixLength,
      vrf: row.vrf,
      populated: false,
    };
  }
  return {
    range: rangeOf(row),
    mask: hostOf(row.start_address).mask,
    vrf: row.vrf,
    populated: row.mark_populated === true,
  };
}

/** Free addresses. A range holds its addresses back only when it is marked as populated. */
function free({ range, vrf, populated }: Parent, store: Store): AddressRange[] {
  if (populated) return [];
  const taken = store
    .all("ip-addresses")
    .filter((row) => row.vrf === vrf)
    .map((row) => single(hostOf(row.address)));
  const held = store
    .all("ip-ranges")
    .filter((row) => row.vrf === vrf && row.mark_populated === true)
    .map(rangeOf);
  return subtract([range], [...taken, ...held]);
}

function* take(ranges: readonly AddressRange[], count: number): Generator<string> {
  let left = count;
  for (const address of addresses(ranges)) {
    if (left-- <= 0) return;
    yield formatAddress(address);
  }
}

/** The next free addresses, lowest first. */
export function list(model: Model, row: Row, limit: number, store: Store): Record<string, unknown>[] {
  const parent = parentOf(model, row);
  return [...take(free(parent, store), limit)].map((host) => ({
    family: parent.range.family,
    address: `${host}/${parent.mask}`,
    vrf: typeof parent.vrf === "number" ? { id: parent.vrf, name: store.get("vrfs", parent.vrf)?.name } : null,
  }));
}

/** Gives each body the next free address; all of them or none. `address` and `vrf` of a body count for nothing. */
export function allocate(model: Model, row: Row, bodies: readonly unknown[], scope: Scope): Row[] {
  const parent = parentOf(model, row);
  const size = parent.range.family === 4 ? 32 : 128;
  const errors = bodies.map((body): FieldErrors => {
    if (body === null || typeof body !== "object" || Array.isArray(body)) {
      const kind = Array.isArray(body)
        ? "list"
        : typeof body === "number"
          ? "int"
          : typeof body === "string"
            ? "str"
            : "NoneType";
      return { non_field_errors: [`Invalid data. Expected a dictionary, but got ${kind}.`] };
    }
    const length = (body as Body).prefix_length;
    if (length === undefined || (Number.isInteger(length) && Number(length) >= parent.mask && Number(length) <= size))
      return {};
    return { prefix_length: `Prefix length must be between ${parent.mask} and ${size}` };
  });
  if (errors.some((one) => Object.keys(one).length > 0)) throw new ApiError(400, errors);
  const hosts = [...take(free(parent, scope.store), bodies.length)];
  if (hosts.length < bodies.length) {
    throw detail(409, "Insufficient resources are available to satisfy the request");
  }
  const filled = (bodies as readonly Body[]).map((body, index) => ({
    ...body,
    address: `${hosts[index]}/${String(body.prefix_length ?? parent.mask)}`,
    vrf: parent.vrf,
  }));
  return create(ipAddresses, filled, scope);
}
