import * as pulumi from "@pulumi/pulumi";
import { chartMirror } from "../kubernetes/Chart";
import { CrdBundle } from "../kubernetes/CrdBundle";
import { bundledCharts, Installation } from "../kubernetes/Installation";
import { dependenciesOf } from "../kubernetes/phase";
import { aroundKeep, Keep, mergedKeep } from "../secrets/Keep";
import type { PlatformPlan } from "./plan";

/** Inputs of {@link Platform}. */
export interface PlatformArgs {
  /** What is installed and in which order. Plain: shapes the resource graph. */
  readonly plan: PlatformPlan;
  /** Admin kubeconfig (secret), for CRDs and gates. A renewed one changes nothing. */
  readonly kubeconfig: pulumi.Input<string>;
  /** Looks a secret of the stack's configuration up. @default - there are none */
  readonly secret?: (name: string) => pulumi.Output<string> | undefined;
  /** Kubernetes version that charts are rendered for. Plain. */
  readonly kubernetesVersion: string;
}

/**
 * The platform inside a cluster: every chart's CRDs first, then each service as soon as the gates of what it needs are
 * open. A changed value touches its own release and the gate behind it.
 */
export class Platform extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:platform:Platform";

  /** Services by name; their gates tell when they work. */
  readonly services: { readonly [name: string]: Installation };

  constructor(name: string, args: PlatformArgs, opts?: pulumi.ComponentResourceOptions) {
    const { plan, kubeconfig, kubernetesVersion, secret } = args;
    super(Platform.__pulumiType, name, { profile: plan.profile, services: plan.services.length }, aroundKeep(opts));
    const ends = opts?.deletedWith === undefined ? {} : { deletedWith: opts.deletedWith };
    const before = pulumi.output(opts?.dependsOn ?? []).apply((all) => [all].flat());
    // A folder of archives means that nothing else can be reached.
    const folder = chartMirror();
    const mirror = folder.folder === undefined && plan.mirror !== undefined ? { registry: plan.mirror } : folder;
    const charts = bundledCharts(plan.services, mirror);
    const crds =
      Object.keys(charts).length > 0
        ? new CrdBundle(
            `${name}-crds`,
            { kubeconfig, charts, kubernetesVersion },
            { parent: this, dependsOn: before, ...ends },
          )
        : undefined;

    const keep = plan.services.some((service) => service.keep !== undefined || service.secrets !== undefined)
      ? new Keep(
          `${name}-keep`,
          { keep: mergedKeep(plan.services.map((service) => service.keep)), ...(secret && { secret }) },
          { parent: this },
        )
      : undefined;

    const made = new Map<string, Installation>();
    for (const service of inOrder(plan)) {
      const gates = dependenciesOf(service, plan.services).flatMap((needed) => made.get(needed)?.gate ?? []);
      made.set(
        service.name,
        new Installation(
          `${name}-${service.name}`,
          service,
          { kubeconfig, kubernetesVersion, mirror, ...(crds && { crds }), ...(keep && { keep }) },
          { parent: this, dependsOn: before.apply((all) => [...all, ...gates]), ...ends },
        ),
      );
    }
    this.services = Object.fromEntries(made);
    this.registerOutputs({});
  }
}

function inOrder({ phases, services }: PlatformPlan) {
  return phases.flatMap((phase) => services.filter(({ name }) => phase.services.includes(name)));
}
