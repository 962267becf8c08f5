import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../../plugin";

/** Plain form of the inputs, as plinth's provider sees them. */
export interface VirtualNetworkInputs {
  /** Project it belongs to, by id or slug. A change replaces the network. */
  readonly project: string;
  /** Slug of the site, as `NYC`: a virtual network does not leave it. A change replaces the network. */
  readonly site: string;
  /** Its description at Latitude.sh, which is how it is found again. A change replaces the network. */
  readonly description: string;
  /**
   * Ids of the servers that are in it. In place. One that is left out stays in it until it is given back: it may have to
   * leave a cluster first, over this network.
   */
  readonly servers: readonly string[];
}

/** Outputs beside the inputs. */
export interface VirtualNetworkOutputs {
  readonly networkId: string;
  /** VLAN id that the servers tag its packets with. */
  readonly vid: number;
  /** Ids of the servers that are connected. */
  readonly connected: readonly string[];
}

/** Inputs of {@link LatitudeVirtualNetwork}. */
export interface LatitudeVirtualNetworkArgs {
  readonly project: pulumi.Input<string>;
  readonly site: pulumi.Input<string>;
  readonly description: pulumi.Input<string>;
  readonly servers: pulumi.Input<readonly pulumi.Input<string>[]>;
}

/** A private network (VLAN) between servers of one site at Latitude.sh. It is found again before it is made. */
export class LatitudeVirtualNetwork extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:latitude:VirtualNetwork";

  declare readonly networkId: pulumi.Output<string>;
  declare readonly vid: pulumi.Output<number>;
  declare readonly connected: pulumi.Output<readonly string[]>;

  constructor(name: string, args: LatitudeVirtualNetworkArgs, opts?: pulumi.CustomResourceOptions) {
    const outputs = { networkId: undefined, vid: undefined, connected: undefined };
    super(LatitudeVirtualNetwork.__pulumiType, name, { ...args, ...outputs }, pluginOptions(opts));
  }
}
