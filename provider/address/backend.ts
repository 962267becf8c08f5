import type { PoolInputs, PoolOutputs } from "../../components/address/IpPool";
import type { Problem } from "../../components/problem";
import type { Draft } from "../draft";
import type { Context, Reached, State } from "../resource";

/** What is stored about a pool. */
export type PoolState = State<PoolInputs, PoolOutputs>;

/** Who keeps the addresses of a pool. Inputs are complete and well-formed in every call but `check`. */
export interface Backend {
  /** What is wrong, beyond how it is written. Changes nothing. */
  check(inputs: PoolInputs, context: Context): Promise<readonly Problem[]>;
  /** What `apply` will reach, as far as that can be said; throws what would be refused. Changes nothing. */
  plan(inputs: PoolInputs, prior: PoolState | undefined, context: Context): Promise<Draft<Partial<PoolOutputs>>>;
  /** Gives every claim its address and takes back what is no longer claimed. */
  apply(inputs: PoolInputs, prior: PoolState | undefined, context: Context): Promise<Reached<PoolOutputs>>;
  /** What is there now. */
  read(state: PoolState, context: Context): Promise<PoolOutputs>;
  /** Takes every address back. */
  release(state: PoolState, context: Context): Promise<void>;
}

/** Stack a resource belongs to, with its project, from its URN: `plinth/home`. */
export function stackOf(urn: string): string {
  const [, , stack = "", , project = ""] = urn.split(":");
  return `${project}/${stack}`;
}
