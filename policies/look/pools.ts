import { type AddressRange, parseRange } from "../../components/address/cidr";
import type { Resource } from "../rule";
import { kinds } from "./kubernetes";
import { POOL } from "./talos";

const METALLB = kinds("metallb.io", ["v1beta1"], "IPAddressPool");
const CILIUM = kinds("cilium.io", ["v2alpha1", "v2"], "CiliumLoadBalancerIPPool");

/** Types that give out addresses inside a cluster. */
export const SERVICE_POOLS = [...METALLB, ...CILIUM];
/** Types that give out addresses. */
export const POOLS = [POOL, ...SERVICE_POOLS];

/** A text that should be a range of addresses. */
export interface WrittenRange {
  readonly path: string;
  readonly text: string;
}

/** Ranges that a pool says it gives out, as they are written. */
export function writtenRanges({ type, props }: Resource): readonly WrittenRange[] {
  if (type === POOL) return ["range", "prefix"].flatMap((field) => written(field, props[field]));
  if (METALLB.includes(type)) {
    return (props.spec?.addresses ?? []).flatMap((text: unknown, place: number) =>
      written(`spec.addresses[${place}]`, text),
    );
  }
  return (props.spec?.blocks ?? []).flatMap(
    ({ cidr, start, stop }: { cidr?: string; start?: string; stop?: string }, place: number) =>
      written(`spec.blocks[${place}]`, cidr ?? (stop === undefined ? start : `${start}-${stop}`)),
  );
}

/** Ranges of a pool that can be read. */
export function ranges(resource: Resource): readonly (WrittenRange & { readonly range: AddressRange })[] {
  return writtenRanges(resource).flatMap((one) => {
    const range = parseRange(one.text, one.path).value;
    return range === undefined ? [] : [{ ...one, range }];
  });
}

function written(path: string, text: unknown): readonly WrittenRange[] {
  return typeof text === "string" ? [{ path, text }] : [];
}
