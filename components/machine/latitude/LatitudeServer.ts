import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../../plugin";
import type { Billing } from "./plans";

/** Plain form of the inputs, as plinth's provider sees them. */
export interface ServerInputs {
  /** Project that pays, by id or slug. A change is refused. */
  readonly project: string;
  /** Slug of the site, as `NYC`. A change is refused without a higher generation. */
  readonly site: string;
  /** Slug of the plan, as `c3-small-x86`. A change is refused without a higher generation. */
  readonly plan: string;
  /**
   * Name of the server at Latitude.sh, which is how an order is found again: no other server of the project may have it.
   * A change is refused without a higher generation.
   */
  readonly hostname: string;
  /** Contract it is rented under. In place. @default "hourly" */
  readonly billing?: Billing;
  /** URL of the iPXE script that it boots once, after it was ordered. A change does nothing to a server that exists. */
  readonly ipxe: string;
  /** Whether the plan must have a GPU; one without is refused at preview. Nothing changes. @default false */
  readonly gpu?: boolean;
  /** Which server it is. A higher number orders another one, and then gives this one back. @default 1 */
  readonly generation?: number;
}

/** Outputs beside the inputs. */
export interface ServerOutputs {
  /** Id at Latitude.sh. */
  readonly serverId: string;
  /** As Latitude.sh tells it; `on` once it can be used. */
  readonly status: string;
  /** Its own IPv4 address on the Internet. */
  readonly address: string;
  readonly gateway: string;
  readonly prefixLength: number;
  /** Ethernet address of the link to the Internet. */
  readonly publicMac: string;
  /** Ethernet address of the link to virtual networks; empty if Latitude.sh tells none. */
  readonly privateMac: string;
  /** Rack it stands in; empty if it is not told. */
  readonly rack: string;
  /** When it was ordered, in milliseconds since 1970; 0 if it is not told. */
  readonly orderedAt: number;
}

/** Inputs of {@link LatitudeServer}. */
export type LatitudeServerArgs = { readonly [K in keyof ServerInputs]: pulumi.Input<ServerInputs[K]> };

/**
 * One server rented at Latitude.sh. An order is looked for before it is made, so that a run that was killed orders
 * nothing twice; no image, version or extension ever replaces a server.
 *
 * Credentials are those of the provider's configuration, `plinth:latitude`. Deleting it gives the server back and says
 * what is still billed.
 */
export class LatitudeServer extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:latitude:Server";

  declare readonly serverId: pulumi.Output<string>;
  declare readonly status: pulumi.Output<string>;
  declare readonly address: pulumi.Output<string>;
  declare readonly gateway: pulumi.Output<string>;
  declare readonly prefixLength: pulumi.Output<number>;
  declare readonly publicMac: pulumi.Output<string>;
  declare readonly privateMac: pulumi.Output<string>;
  declare readonly rack: pulumi.Output<string>;
  declare readonly orderedAt: pulumi.Output<number>;

  constructor(name: string, args: LatitudeServerArgs, opts?: pulumi.CustomResourceOptions) {
    const outputs = {
      serverId: undefined,
      status: undefined,
      address: undefined,
      gateway: undefined,
      prefixLength: undefined,
      publicMac: undefined,
      privateMac: undefined,
      rack: undefined,
      orderedAt: undefined,
    };
    super(LatitudeServer.__pulumiType, name, { ...args, ...outputs }, pluginOptions(opts));
  }
}
