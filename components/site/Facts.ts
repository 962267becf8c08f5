import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { version } from "../../package.json";
import type { SitePlan } from "./plan";

/** Inputs of {@link Facts}. */
export interface FactsArgs {
  /** The site whose public facts are written. */
  readonly plan: SitePlan;
  /** URL of the Kubernetes API. */
  readonly endpoint: pulumi.Input<string>;
}

/**
 * The `plinth-system` namespace with the ConfigMap `site`: what this site is, for people and programs inside the
 * cluster. Public facts only; a change is in place.
 */
export class Facts extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:site:Facts";

  /** Name of the namespace plinth keeps its own objects in. */
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, { plan, endpoint }: FactsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Facts.__pulumiType, name, {}, opts);
    // A component's dependencies do not reach its children by themselves, and a destroy goes by the children's.
    const child = { parent: this, dependsOn: opts?.dependsOn ?? [] };
    const namespace = new k8s.core.v1.Namespace(
      `${name}-namespace`,
      {
        metadata: {
          name: "plinth-system",
          labels: { "app.kubernetes.io/managed-by": "plinth", "pod-security.kubernetes.io/enforce": "restricted" },
        },
      },
      child,
    );
    new k8s.core.v1.ConfigMap(
      `${name}-site`,
      {
        metadata: {
          name: "site",
          namespace: namespace.metadata.name,
          labels: { "app.kubernetes.io/version": version },
        },
        data: {
          name: plan.name,
          domain: plan.domain,
          endpoint,
          talos: plan.talos.version,
          kubernetes: plan.kubernetes.version,
          nodes: plan.nodes.map((node) => node.hostname).join(" "),
        },
      },
      child,
    );
    this.namespace = namespace.metadata.name;
    this.registerOutputs({ namespace: this.namespace });
  }
}
