import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";
import type { Declared, Difference } from "./check";

/** Plain form of the inputs, as plinth's provider sees them. */
export interface MatchInputs {
  /** Key of the machine, for people. */
  readonly machine: string;
  /** Where it answers. */
  readonly address: string;
  /** Name of the hardware profile. */
  readonly profile: string;
  /** What is declared of it. */
  readonly declared: Declared;
  /** Differences that are accepted, by name. @default - none */
  readonly allow?: readonly Difference[];
  /** Which machine stands under the key: a higher number compares anew. @default 1 */
  readonly generation?: number;
}

/** Outputs beside the inputs. */
export interface MatchOutputs {
  /** SMBIOS UUID of the machine that was compared; empty if it ran already. Identification, not proof. */
  readonly uuid: string;
  /** Differences that were found and accepted, as sentences. */
  readonly accepted: readonly string[];
}

type Inputs<T> = { readonly [K in keyof T]: pulumi.Input<T[K]> };

/** Inputs of {@link HardwareMatch}. */
export type HardwareMatchArgs = Inputs<MatchInputs>;

/**
 * A machine that is what the site file says, seen in maintenance mode before anything is written to its disk. What
 * installs the machine depends on it. A machine that runs already is left alone; deleting it does nothing.
 */
export class HardwareMatch extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:hardware:Match";

  declare readonly uuid: pulumi.Output<MatchOutputs["uuid"]>;
  declare readonly accepted: pulumi.Output<MatchOutputs["accepted"]>;

  constructor(name: string, args: HardwareMatchArgs, opts?: pulumi.CustomResourceOptions) {
    super(HardwareMatch.__pulumiType, name, { ...args, uuid: undefined, accepted: undefined }, pluginOptions(opts));
  }
}
