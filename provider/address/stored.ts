import { z } from "zod";
import type { PoolOutputs } from "../../components/address/IpPool";
import { ProblemError } from "../../components/problem";
import { type PoolState, stackOf } from "./backend";
import { poolInputs, poolOutputs } from "./schema";

/** A pool as a stack's state holds it. */
export interface StoredPool extends PoolState {
  readonly urn: string;
  /** As in `plinth/home`. */
  readonly stack: string;
}

const resource = z.looseObject({
  urn: z.string(),
  type: z.string(),
  inputs: z.unknown().optional(),
  outputs: z.record(z.string(), z.unknown()).optional(),
});
const deployment = z.looseObject({ resources: z.array(resource).default([]) });
/** What `pulumi stack export` prints. */
const exported = z.looseObject({ deployment });
/** A file of a file backend. */
const checkpoint = z.looseObject({ checkpoint: z.looseObject({ latest: deployment }) });

function parseState(text: string, file: string) {
  const refuse = (reason: string): never => {
    const fix = "give the output of `pulumi stack export`";
    throw new ProblemError(`${file} cannot be used:`, [{ path: "", reason, fix }]);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse("is not JSON");
  }
  const asExported = exported.safeParse(json);
  if (asExported.success) return { data: asExported.data, resources: asExported.data.deployment.resources };
  const asFile = checkpoint.safeParse(json);
  if (asFile.success) return { data: asFile.data, resources: asFile.data.checkpoint.latest.resources };
  return refuse("is no state of a stack");
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
