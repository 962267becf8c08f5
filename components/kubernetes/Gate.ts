import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";

/** What has to be seen in the live cluster. Exactly one of `condition`, `field`, `admits` and `exists` says how. */
export interface GateCheck {
  readonly apiVersion: string;
  readonly kind: string;
  /** Left out for kinds without namespaces. */
  readonly namespace?: string | undefined;
  /** With `admits` the name that the object would get. */
  readonly name: string;
  /** Condition that has to be True, as `Ready`. */
  readonly condition?: string | undefined;
  /**
   * Field that has to hold something, as `status.loadBalancer.ingress`; of a number, more than zero. One of a list goes
   * by its name, as `spec.template.spec.containers.vault.image`. What a status says of an earlier generation is not taken.
   */
  readonly field?: string | undefined;
  /** What exactly the field has to hold, a number as text. @default - anything */
  readonly equals?: string | undefined;
  /** The most that the field, a number, may hold. More is refused at once, without a wait. @default - no bound */
  readonly atMost?: number | undefined;
  /** The object is there. */
  readonly exists?: true | undefined;
  /** Fields of an object that the API has to admit, webhooks and all; it is rehearsed and never made. */
  readonly admits?: { readonly [field: string]: unknown } | undefined;
  /** Looked at only where this object is there, as what would be upgraded. @default - always */
  readonly onlyWith?: GateSubject | undefined;
}

/** An object whose being there is a reason to look. */
export interface GateSubject extends Pick<GateCheck, "apiVersion" | "kind" | "namespace" | "name"> {
  /** Labels by which it is known to be what is wanted already, which is no reason to look any more. @default - none */
  readonly unlessLabels?: { readonly [label: string]: string } | undefined;
}

/** Plain form of the inputs, as plinth's provider sees them. */
export interface GateInputs {
  /** Admin kubeconfig (secret). */
  readonly kubeconfig: string;
  /** What has to be seen, each by the words that name it when it is missing. */
  readonly checks: { readonly [what: string]: GateCheck };
  /** Longest wait for all of them, in seconds. @default 300 */
  readonly seconds?: number | undefined;
  /** A change of it looks again. @default - none */
  readonly trigger?: string | undefined;
}

/** Inputs of {@link Gate}. */
export interface GateArgs {
  /** Admin kubeconfig (secret). A renewed one only looks again. */
  readonly kubeconfig: pulumi.Input<string>;
  /** What has to be seen. Plain. A change looks again. */
  readonly checks: GateInputs["checks"];
  /** Longest wait for all of them, in seconds. @default 300 */
  readonly seconds?: number;
  /** Versions and values of what the gate stands behind: a change looks again. @default - none */
  readonly trigger?: pulumi.Input<string>;
}

/**
 * Opens when the live cluster shows all that was asked for: an object, a condition, a filled field, or a webhook that
 * admits. What depends on it begins only then. A time-out names what was missing, and the next update waits on.
 *
 * It changes nothing. A refresh looks once: what was lost since then is shown at preview and waited for again.
 */
export class Gate extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:kubernetes:Gate";

  constructor(name: string, args: GateArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      Gate.__pulumiType,
      name,
      {
        kubeconfig: pulumi.secret(args.kubeconfig),
        checks: args.checks,
        ...(args.seconds !== undefined && { seconds: args.seconds }),
        ...(args.trigger !== undefined && { trigger: args.trigger }),
        missing: undefined,
      },
      pluginOptions(opts),
    );
  }
}
