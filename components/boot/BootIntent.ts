import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";
import type { Action, BootImage, DiskBoot, End, Proof } from "./intent";

/** Plain form of the inputs, as plinth's provider sees them. */
export interface IntentInputs {
  /** Name of the machine, for people. */
  readonly machine: string;
  /** Ethernet address it boots from, lower-case with colons. A change replaces the intent. */
  readonly mac: string;
  /** SMBIOS UUID, lower-case; `plinth hardware show` and the boot server's log tell it. Needs a higher generation. */
  readonly uuid: string;
  /**
   * What the machine may boot: `local`, its disk; `install`, an installer that halts on a system; `rescue`, the image
   * beside the system on the disk; `wipe`, which empties the system disk once. Any change but to `local` needs a higher
   * generation.
   */
  readonly action: "local" | Action;
  /** Counts up: a higher number asks for the action once more. */
  readonly generation: number;
  /** Image of a boot profile; not for `local`. A change takes effect with the next generation. */
  readonly image?: BootImage;
  /** How the machine's firmware is made to boot from disk. @default "exit" */
  readonly diskBoot?: DiskBoot;
  /** Device that has this MAC address in NetBox; any other is refused at preview. @default - NetBox is not asked */
  readonly device?: string;
  /** Minutes until the permission ends by itself. @default 120, of a wipe 60 */
  readonly minutes?: number;
  /** Ends an installation when the new system answers there. @default - it ends when its time is up */
  readonly proof?: Proof;
  /** Machine configuration that the installer fetches (secret). @default - none: plinth pushes it */
  readonly configuration?: string;
  /** Whether a machine that boots from media may fetch its configuration, once, with {@link IntentOutputs.enrolment}. @default false */
  readonly enrol?: boolean;
}

/** Outputs beside the inputs. */
export interface IntentOutputs {
  /** Generation that the boot server has accepted last; 0 if none. */
  readonly accepted: number;
  /** `none` before any permission; `forgotten` when the boot server has lost its records. */
  readonly phase: "ended" | "forgotten" | "granted" | "leased" | "none";
  /** Why it ended; empty while it has not. */
  readonly end: End | "";
  /** Kernel argument of this one machine's media with which it enrols (secret). @default - the intent asks for none */
  readonly enrolment?: string;
}

type Inputs<T> = { readonly [K in keyof T]: pulumi.Input<T[K]> };

/** Inputs of {@link BootIntent}. */
export type BootIntentArgs = Inputs<IntentInputs>;

/**
 * What one machine may boot over the network, and how often. Nothing it says reinstalls a machine that has a system:
 * an installer halts there, and only `wipe` empties a disk, once a generation.
 *
 * The boot server and the key that signs are those of the provider's configuration, `plinth:bootServer`. Deleting it lets the machine boot from
 * disk.
 */
export class BootIntent extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:boot:Intent";

  declare readonly accepted: pulumi.Output<IntentOutputs["accepted"]>;
  declare readonly phase: pulumi.Output<IntentOutputs["phase"]>;
  declare readonly end: pulumi.Output<IntentOutputs["end"]>;
  declare readonly enrolment: pulumi.Output<IntentOutputs["enrolment"]>;

  constructor(name: string, args: BootIntentArgs, opts?: pulumi.CustomResourceOptions) {
    const secrets = { ...(args.configuration !== undefined && { configuration: pulumi.secret(args.configuration) }) };
    const outputs = { accepted: undefined, phase: undefined, end: undefined, enrolment: undefined };
    const options = pulumi.mergeOptions({ additionalSecretOutputs: ["enrolment"] }, opts);
    super(BootIntent.__pulumiType, name, { ...args, ...secrets, ...outputs }, pluginOptions(options));
  }
}
