import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";

/** Who keeps the addresses of a pool: the stack's own state, or NetBox. */
export type PoolBackend = "static" | "netbox";

/** One address that is wanted. Its key in {@link PoolInputs.claims} is its owner and part of its identity. */
export interface PoolClaim {
  /** What the owner needs it for; part of the identity. @default "address" */
  readonly purpose?: string;
  /** Exactly this address of the pool. @default - the one it has, or any free one */
  readonly address?: string;
  /** DNS name for NetBox's record. In place. @default - none */
  readonly dnsName?: string;
  /** Description for NetBox's record, at most 200 letters. In place. @default - site/pool/owner/purpose */
  readonly description?: string;
  /** Interface that NetBox shall show the address on; made there, with its MAC, when missing. In place. @default - none */
  readonly register?: PoolPort;
}

/** An interface in NetBox. */
export interface PoolPort {
  readonly device: string;
  readonly interface: string;
  /** Ethernet address. @default - not registered */
  readonly mac?: string;
}

/** How long a freed address of a static pool is kept back. */
export interface Quarantine {
  /** Changes of the pool that must pass before it is given to another claim. @default 1 */
  readonly generations?: number;
  /** Least time, as a Go duration. @default "24h" */
  readonly minimum?: string;
}

/** Plain form of the inputs, as plinth's provider sees them. */
export interface PoolInputs {
  /** Site the claims belong to; part of their identity. A change is refused. */
  readonly site: string;
  /** Name of the pool; part of its claims' identity. A change is refused. */
  readonly name: string;
  /** A change is refused: the addresses would move. @default "static" */
  readonly backend?: PoolBackend;
  /** `10.0.3.4-10.0.3.20` or a network. Static: the addresses. NetBox: a range that exists there. In place. */
  readonly range?: string;
  /** A prefix that exists in NetBox, as `10.0.3.0/24`. Only with NetBox. In place. */
  readonly prefix?: string;
  /** VRF of the pool, by name; part of its claims' identity. A change is refused. @default - the global table */
  readonly vrf?: string;
  /** Addresses and ranges that are never given out. In place. @default - none */
  readonly exclude?: readonly string[];
  /** Addresses that something else has, by what it is (`network.gateway`). In place. @default - none */
  readonly reserved?: { readonly [what: string]: string };
  /** Only for static pools; NetBox gives a freed address away at once. */
  readonly quarantine?: Quarantine;
  /** Slugs of device type and role for devices that have to be made in NetBox. @default - registered devices must exist */
  readonly deviceKind?: { readonly type: string; readonly role: string };
  /** What is wanted, by owner. The keys shape the graph. */
  readonly claims: { readonly [owner: string]: PoolClaim };
}

/** An address at rest. */
export interface RestingClaim {
  /** Id of the claim that had it; that claim gets it back. */
  readonly id: string;
  readonly address: string;
  /** Generation of the pool that released it. */
  readonly generation: number;
  /** Earliest time it may be given away (ISO 8601). */
  readonly until: string;
}

/** Outputs beside the inputs. */
export interface PoolOutputs {
  /** Address of every claim, by owner, without a mask. */
  readonly addresses: { readonly [owner: string]: string };
  /** Counts the changes of the pool. */
  readonly generation: number;
  /** Freed addresses that are kept back (static pools). */
  readonly resting: readonly RestingClaim[];
  /** When the pool was last looked at while addresses rested (ISO 8601): preview reads this, not the clock. */
  readonly asOf?: string;
  /** Owners whose record in NetBox is gone or not as wanted; the next update sees to it, with the same address. */
  readonly pending: readonly string[];
  /** Ids of former claims whose record could not be taken back yet; the next update does. */
  readonly orphans: readonly string[];
  /** Interfaces of former claims that could not be taken back yet; the next update does. */
  readonly strays: readonly PoolPort[];
}

type Inputs<T> = { readonly [K in keyof T]: pulumi.Input<T[K]> };

/** Inputs of {@link IpPool}. Claims are plain: their owners are known before anything runs. */
export type IpPoolArgs = Inputs<Omit<PoolInputs, "claims">> & { readonly claims: PoolInputs["claims"] };

/**
 * Addresses from one pool, one for every claim; a claim keeps its address for ever.
 *
 * All claims of a pool are one resource. With the static backend its state is the authority and preview shows the
 * addresses; with NetBox they are NetBox's, found again by each claim's id.
 */
export class IpPool extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:address:Pool";

  /** Address of every claim, by owner. */
  declare readonly addresses: pulumi.Output<PoolOutputs["addresses"]>;

  private readonly owners: readonly string[];

  constructor(name: string, args: IpPoolArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      IpPool.__pulumiType,
      name,
      {
        ...args,
        addresses: undefined,
        generation: undefined,
        resting: undefined,
        asOf: undefined,
        pending: undefined,
        orphans: undefined,
        strays: undefined,
      },
      pluginOptions(opts),
    );
    this.owners = Object.keys(args.claims);
  }

  /** The address of one claim. An owner the pool does not know ends the program. */
  address(owner: string): pulumi.Output<string> {
    if (!this.owners.includes(owner)) {
      throw new pulumi.RunError(
        `the pool has no claim "${owner}" (it has ${this.owners.join(", ") || "none"}; add it to the pool's claims)`,
      );
    }
    return this.addresses.apply((addresses) => addresses[owner] ?? "");
  }
}
