import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";
import type { PoolClaim } from "./IpPool";

/** Plain form of the inputs, as plinth's provider sees them. */
export interface ClaimInputs extends PoolClaim {
  /** Site the claim belongs to; part of its identity. A change is refused. */
  readonly site: string;
  /** Name of the pool; part of the identity. A change is refused. */
  readonly pool: string;
  /** What holds the address; part of the identity. A change is refused. */
  readonly owner: string;
  /** A prefix that exists in NetBox, as `10.0.3.0/24`. */
  readonly prefix?: string;
  /** A range that exists in NetBox, as `10.0.3.4-10.0.3.20`. Either this or `prefix`. */
  readonly range?: string;
  /** VRF, by name; part of the identity. @default - the global table */
  readonly vrf?: string;
}

/** Outputs beside the inputs. */
export interface ClaimOutputs {
  /** The address without its mask. */
  readonly ip: string;
  /** False after a refresh that found no record; the next update takes the same address again. */
  readonly recorded: boolean;
}

type Inputs<T> = { readonly [K in keyof T]: pulumi.Input<T[K]> };

/** Inputs of {@link IpClaim}. */
export type IpClaimArgs = Inputs<ClaimInputs>;

/**
 * One address from NetBox, for what comes and goes by itself. Many addresses of one pool are one {@link IpPool}: that
 * is one write instead of many.
 */
export class IpClaim extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:address:Claim";

  /** The address without its mask. */
  declare readonly ip: pulumi.Output<ClaimOutputs["ip"]>;

  constructor(name: string, args: IpClaimArgs, opts?: pulumi.CustomResourceOptions) {
    super(IpClaim.__pulumiType, name, { ...args, ip: undefined, recorded: undefined }, pluginOptions(opts));
  }
}
