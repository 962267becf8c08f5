import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";
import type { LicenceKey } from "./keys";
import type { Use } from "./use";
import type { Devices, LicenceState, Mark } from "./verdict";

/** Plain form of the inputs, as plinth's provider sees them. */
export interface LicenceInputs {
  /** The licence as the vendor sent it (secret: whoever copies it could use it, unless it is bound to machines). */
  readonly text: string;
  /** The vendor's public keys. */
  readonly keys: readonly LicenceKey[];
  /** The vendor's revocation list. @default - none */
  readonly revocations?: string;
  /** What the site uses, counted from its plan. */
  readonly use: Use;
  /**
   * As much of it as ran before this stack did: covered from the beginning, so that a site whose state was lost can be
   * taken over with any verdict. Later it changes nothing. @default - none of it
   */
  readonly adopted?: Use;
  /** What the site's machines can be recognised by. @default - a licence that is bound to devices is not for this site */
  readonly devices?: Devices;
}

/** What a licence grants, for whoever asks inside the cluster. */
export interface Granted {
  readonly id: string;
  readonly customer: string;
  readonly tier: string;
  readonly features: readonly string[];
  readonly limits: { readonly sites?: number; readonly nodes?: number; readonly gpus?: number };
  readonly notAfter: string;
  readonly graceDays: number;
}

/** Outputs beside the inputs. */
export interface LicenceOutputs {
  /** How the licence stands; `none` before it was looked at. */
  readonly verdict: LicenceState | "none";
  /** Of the licence, when its signature is good. */
  readonly granted?: Granted;
  /** The most that was covered so far: up to there the site may go with any verdict. */
  readonly covered: Use;
  /** Features that were looked at for it: one that a later plinth counts as well was in use or not, nobody knows. */
  readonly counted: readonly string[];
  /** What was seen and can only grow. @default - nothing */
  readonly mark?: Mark;
}

/** Inputs of {@link Licence}. Plain: the verdict has to be there before the first resource. */
export type LicenceArgs = LicenceInputs;

/**
 * Judges a licence against what a site uses, at every preview and every update, before anything else is done.
 *
 * It refuses one thing: growth beyond what was covered once, while the licence does not stand good. Whatever adds
 * nothing goes on with any verdict: a destroy, a rollback, a restore, an export, fewer machines, a machine in the place
 * of another, a fix. Keep it protected, as it is the memory of what was covered; a destroy that leaves protected
 * resources leaves it, and the site can come back.
 */
export class Licence extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:licensing:Licence";

  declare readonly verdict: pulumi.Output<LicenceOutputs["verdict"]>;
  declare readonly granted: pulumi.Output<Granted | undefined>;
  declare readonly covered: pulumi.Output<Use | undefined>;
  /** Absent when an earlier plinth wrote it down. */
  declare readonly counted: pulumi.Output<readonly string[] | undefined>;

  constructor(name: string, args: LicenceArgs, opts?: pulumi.CustomResourceOptions) {
    const outputs = { verdict: undefined, granted: undefined, covered: undefined, counted: undefined, mark: undefined };
    super(Licence.__pulumiType, name, { ...args, text: pulumi.secret(args.text), ...outputs }, pluginOptions(opts));
  }
}
