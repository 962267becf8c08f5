import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";
import type { ClientConfiguration } from "./binding";

/** Inputs of {@link Bootstrap}. */
export interface BootstrapArgs {
  /** Cluster name; names the cluster in problems, progress and the audit log. */
  readonly clusterName: pulumi.Input<string>;
  /** Client certificate for the Talos API (secret). */
  readonly clientConfiguration: pulumi.Input<ClientConfiguration>;
  /** Address of the control plane that starts etcd. Its own address, never the VIP: the VIP needs etcd. */
  readonly node: pulumi.Input<string>;
  /** Own addresses of every control plane: if any of them already runs etcd of this cluster, it is adopted. */
  readonly controlPlanes: pulumi.Input<readonly pulumi.Input<string>[]>;
  /**
   * Where control planes are called whose own address cannot be reached from here. @default - each at its own address
   */
  readonly reach?: pulumi.Input<readonly pulumi.Input<{ readonly address: string; readonly at: string }>[]>;
  /** URL of the Kubernetes API, as in `https://10.0.3.1:6443`; Bootstrap waits until it answers. */
  readonly endpoint: pulumi.Input<string>;
  /** Kubernetes CA that the endpoint's certificate must chain to: PEM, or PEM in base64. */
  readonly kubernetesCa: pulumi.Input<string>;
}

/**
 * Starts etcd once for a new cluster, or adopts the etcd that already runs: creating it twice is safe.
 *
 * A change of `node`, `controlPlanes` or `endpoint` does nothing to a running cluster; deleting it does nothing either.
 */
export class Bootstrap extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:talos:Bootstrap";

  /** Cluster id from the machine configuration, as etcd and discovery know it. */
  declare readonly clusterId: pulumi.Output<string>;
  /** Hex ids of the etcd members seen last; none in common with what a refresh finds means that etcd was lost. */
  declare readonly etcdMembers: pulumi.Output<readonly string[]>;

  constructor(name: string, args: BootstrapArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      Bootstrap.__pulumiType,
      name,
      {
        ...args,
        clientConfiguration: pulumi.secret(args.clientConfiguration),
        clusterId: undefined,
        etcdMembers: undefined,
      },
      pluginOptions(opts),
    );
  }
}
