import type { PoolOutputs } from "../../components/address/IpPool";
import { parseState } from "../stored";
import { type PoolState, stackOf } from "./backend";
import { poolInputs, poolOutputs } from "./schema";

/** A pool as a stack's state holds it. */
export interface StoredPool extends PoolState {
  readonly urn: string;
  /** As in `plinth/home`. */
  readonly stack: string;
}

/** The pools in a state, by resource. */
export function storedPools(text: string, file: string): StoredPool[] {
  const { resources } = parseState(text, file);
  return resources.flatMap(({ urn, type, inputs, outputs }) => {
    if (type !== "plinth:address:Pool") return [];
    const own = Object.fromEntries(Object.entries(outputs ?? {}).filter(([key]) => key in poolOutputs.shape));
    return [{ urn, stack: stackOf(urn), inputs: poolInputs.parse(inputs), outputs: poolOutputs.parse(own) }];
  });
}

/** The state with other outputs of one pool, ready for `pulumi stack import`. */
export function withPoolOutputs(text: string, file: string, urn: string, outputs: Partial<PoolOutputs>): string {
  const { data, resources } = parseState(text, file);
  const found = resources.find((one) => one.urn === urn);
  if (found) found.outputs = { ...found.outputs, ...outputs };
  return `${JSON.stringify(data, undefined, 2)}\n`;
}
