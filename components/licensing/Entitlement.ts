import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { Licence, LicenceInputs } from "./Licence";

/** Inputs of {@link Entitlement}. */
export interface EntitlementArgs {
  /** The licence as it was judged. */
  readonly licence: Licence;
  /** What was judged: handed to the cluster as it is, so that it can be judged there, too. */
  readonly given: Pick<LicenceInputs, "text" | "keys" | "revocations" | "devices">;
  /** Namespace of the objects. */
  readonly namespace: pulumi.Input<string>;
}

/**
 * What a cluster is told of its licence: the ConfigMap `entitlement` with what is granted, for programs that offer more
 * or less by it, and the Secret `licence` with the signed texts, for those that believe only a signature. In place.
 */
export class Entitlement extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:licensing:Entitlement";

  /** Name of the Secret: `licence.jws`, `keys.json`, `devices.json`, and `revocations.jws` if there is a list. */
  readonly secret: pulumi.Output<string>;

  constructor(name: string, { licence, given, namespace }: EntitlementArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Entitlement.__pulumiType, name, {}, opts);
    const child = { parent: this, dependsOn: opts?.dependsOn ?? [] };
    new k8s.core.v1.ConfigMap(
      `${name}-entitlement`,
      {
        metadata: { name: "entitlement", namespace },
        data: pulumi.all([licence.verdict, licence.granted]).apply(([verdict, granted]) => ({
          verdict,
          ...(granted && {
            id: granted.id,
            customer: granted.customer,
            tier: granted.tier,
            features: granted.features.join(" "),
            limits: JSON.stringify(granted.limits),
            notAfter: granted.notAfter,
            graceDays: String(granted.graceDays),
          }),
        })),
      },
      child,
    );
    const secret = new k8s.core.v1.Secret(
      `${name}-licence`,
      {
        metadata: { name: "licence", namespace },
        stringData: {
          "licence.jws": given.text,
          "devices.json": JSON.stringify({ wwids: given.devices?.wwids ?? [] }),
          "keys.json": JSON.stringify({ keys: given.keys }),
          ...(given.revocations !== undefined && { "revocations.jws": given.revocations }),
        },
      },
      child,
    );
    this.secret = secret.metadata.name;
    this.registerOutputs({ secret: this.secret });
  }
}
