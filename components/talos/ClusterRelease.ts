import * as pulumi from "@pulumi/pulumi";
import type { Backup } from "../backup/spec";
import type { Maintenance } from "../maintenance/spec";
import { pluginOptions } from "../plugin";
import type { ClientConfiguration } from "./binding";

/** What a node is in its cluster, in Talos' words. */
export type MachineType = "controlplane" | "worker";

/** One node as it shall run. The key in {@link ClusterReleaseInputs.nodes} is its stable inventory key. */
export interface NodeRelease {
  /** `controlplane` or `worker`. A change is refused: remove the node and add it again. */
  readonly type: MachineType;
  /** Own address of the machine; also the endpoint its Talos API is called at. */
  readonly address: string;
  /** Address its Talos API is called at, where its own cannot be reached from here. @default - its own */
  readonly reach?: string;
  /** Hostname, which is also the name of its Kubernetes Node. */
  readonly hostname: string;
  /** Talos version that shall run, as `v1.13.0`. */
  readonly talos: string;
  /** Kubernetes version that shall run, as `v1.36.3`. */
  readonly kubernetes: string;
  /** Image Factory schematic id of the installed image. @default - the image's schematic is not checked */
  readonly schematic?: string;
  /** Nodes of one failure domain may change together; of two, never. @default - a domain of its own */
  readonly failureDomain?: string;
  /**
   * Which machine stands under this key: raised when it is another one, or was wiped. The old one is forgotten (etcd
   * member, Node object) and the new one, in maintenance mode, is installed. @default 1
   */
  readonly generation?: number;
  /**
   * Whether it ran before this resource: the first look takes note of what differs, and changes nothing. @default false
   */
  readonly adopted?: boolean;
  /** Machine configuration patches (YAML documents) on top of the role's configuration, applied in order. */
  readonly patches: readonly string[];
}

/** Time-outs as Go durations (`30s`, `5m`). Each is the longest wait for one node. */
export interface ReleaseTimeouts {
  /** etcd healthy with all declared members, before and after a control plane changes. @default "5m" */
  readonly etcd?: string;
  /** Node Ready again, on a control plane with its own API server, after its configuration changed. @default "10m" */
  readonly ready?: string;
  /** Node back, verified and Ready after it booted another image. @default "20m" */
  readonly upgrade?: string;
  /** Pods gone from a node before it reboots, disruption budgets respected. @default "5m" */
  readonly drain?: string;
}

/** How versions and images of a running cluster change. */
export interface UpgradeSettings {
  /** Image Factory or registry that serves installer images. @default "factory.talos.dev" */
  readonly factory?: string;
  /** Whether installer images are signed for Secure Boot. @default false */
  readonly secureBoot?: boolean;
  /** Talos platform of the images. @default "metal" */
  readonly platform?: string;
  /** Workers of one failure domain that reboot at the same time. @default 1 */
  readonly workersAtOnce?: number;
  /** Whether workers may reboot while control planes do. @default false */
  readonly together?: boolean;
  /**
   * Talos services that must run, and not be unhealthy, before a node counts as up, as `ext-iscsid`. Extension services
   * with a configuration of their own (ExtensionServiceConfig) always count.
   * @default - none
   */
  readonly services?: readonly string[];
  /** Versions that can be had, for a site that has not all. @default - the newest known patch of every minor, and the wanted version */
  readonly available?: { readonly talos?: readonly string[]; readonly kubernetes?: readonly string[] };
}

/** Plain form of the inputs, as plinth's provider sees them after unwrapping. */
export interface ClusterReleaseInputs {
  readonly clusterName: string;
  /** Secret. */
  readonly clientConfiguration: ClientConfiguration;
  /** Secret: admin kubeconfig, to see nodes become Ready. */
  readonly kubeconfig: string;
  /** Secret: one machine configuration per role, without comments. Node differences are patches. */
  readonly configuration: { readonly controlplane: string; readonly worker?: string };
  readonly nodes: { readonly [key: string]: NodeRelease };
  /** Secret: patches that hold secrets, by node key; applied after the node's others. @default - none */
  readonly secretPatches?: { readonly [key: string]: readonly string[] };
  readonly timeouts?: ReleaseTimeouts;
  /** What a destroy does to the machines: `keep` leaves them running, `reset` wipes them back to maintenance mode. @default "keep" */
  readonly onDestroy?: "keep" | "reset";
  /**
   * Paths of machine configurations, each with everything below it, whose change may lose data or reboot more than one
   * control plane in this update, as `machine.systemDiskEncryption`; and `downgrade`, for steps back to an older version.
   * @default - no such change is made
   */
  readonly allow?: readonly string[];
  /** How versions change. @default - as its members say */
  readonly upgrade?: UpgradeSettings;
  /** Where etcd's snapshots go, and who can open them. In place, for the next one. @default - none are taken, and no upgrade is begun */
  readonly backup?: Backup;
  /** When the running cluster may be changed, and what runs around its changes. In place. @default - always, and nothing */
  readonly maintenance?: Maintenance;
}

/** What was last seen on a node. */
export interface NodeRunning {
  /** Talos version that runs, as `v1.13.0`. */
  readonly talos: string;
  /** Kubernetes (kubelet) version that runs, as `v1.36.3`; absent while the node has not joined. */
  readonly kubernetes?: string;
  /** Schematic id of the running image; absent when the machine does not tell. */
  readonly schematic?: string;
  /** SHA-256 of the inputs (role configuration and patches) last pushed to the node. */
  readonly pushed: string;
  /** SHA-256 of the configuration that the node confirmed right after that push. */
  readonly confirmed: string;
  /** SHA-256 of the configuration read last; other than `confirmed` means someone else changed it. */
  readonly running: string;
  /** Generation that was installed. @default 1 */
  readonly generation?: number;
  /** Seen in maintenance mode by the last refresh, though it ran before. @default false */
  readonly wiped?: boolean;
  /** Paths that differ between what was confirmed and what runs; values are never listed. */
  readonly drift: readonly string[];
}

/** One executed step of the last change, oldest first. */
export interface ReleaseStep {
  /** Inventory key, or `*` for the whole cluster. */
  readonly node: string;
  readonly action:
    | "preflight"
    | "gate"
    | "forfeit"
    | "apply"
    | "verify"
    | "adopt"
    | "renew"
    | "leave"
    | "reset"
    | "snapshot"
    | "install"
    | "drain"
    | "reboot"
    | "uncordon"
    | "record"
    | "kubernetes";
  readonly result: "done" | "failed" | "skipped";
  readonly detail: string;
}

/** One change of version that was made, for whoever asks how it is undone. */
export interface PastUpgrade {
  readonly axis: "talos" | "kubernetes";
  readonly from: string;
  readonly to: string;
  /** Nodes that made the step, by inventory key, sorted. */
  readonly nodes: readonly string[];
  /** Whether etcd's data format changed with it. */
  readonly etcdFormat: boolean;
  /** Name of the etcd snapshot taken right before it; absent when the run that took it was killed. */
  readonly snapshot?: string;
  /** When it was finished, as ISO 8601. */
  readonly at: string;
}

/** Outputs beside the inputs. */
export interface ClusterReleaseOutputs {
  readonly running: { readonly [key: string]: NodeRunning };
  /** `converged` when every node runs what was asked for, else `partial`. */
  readonly phase: "converged" | "partial";
  readonly journal: readonly ReleaseStep[];
  /** Changes of version that were made, oldest first. */
  readonly upgrades: readonly PastUpgrade[];
  /** Kubernetes version whose roll-out was completed, bootstrap manifests included; absent before the first success. */
  readonly rolledOut?: string;
  /** Nodes that are declared no longer and have not left yet, and what a refresh found wiped. @default - none */
  readonly leaving?: { readonly [key: string]: LeavingNode };
  /**
   * Where machines were called that another one takes the place of, by node key, until that one is installed: they may
   * run on beside it. @default - none
   */
  readonly replaced?: { readonly [key: string]: readonly string[] };
}

/** What has to be known of a node until nothing of it is left in the cluster. */
export type LeavingNode = Pick<NodeRelease, "type" | "address" | "reach" | "hostname">;

type Inputs<T> = { readonly [K in keyof T]: pulumi.Input<T[K]> };

/** Inputs of {@link ClusterRelease}: {@link ClusterReleaseInputs}, each of them an Input. */
export type ClusterReleaseArgs = Inputs<Omit<ClusterReleaseInputs, "nodes">> & {
  readonly nodes: pulumi.Input<{ readonly [key: string]: pulumi.Input<Inputs<NodeRelease>> }>;
};

/**
 * The one owner of a running cluster's machine configuration, Talos version and Kubernetes version.
 *
 * It reads what runs on every node, shows the plan in preview, and changes one node at a time behind an etcd and a
 * readiness gate. When a node fails it stops, keeps what was reached, and the next update goes on from there.
 */
export class ClusterRelease extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:talos:ClusterRelease";

  declare readonly running: pulumi.Output<ClusterReleaseOutputs["running"]>;
  declare readonly phase: pulumi.Output<ClusterReleaseOutputs["phase"]>;

  constructor(name: string, args: ClusterReleaseArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      ClusterRelease.__pulumiType,
      name,
      {
        ...args,
        clientConfiguration: pulumi.secret(args.clientConfiguration),
        kubeconfig: pulumi.secret(args.kubeconfig),
        configuration: pulumi.secret(args.configuration),
        ...(args.secretPatches !== undefined && { secretPatches: pulumi.secret(args.secretPatches) }),
        running: undefined,
        phase: undefined,
        journal: undefined,
        upgrades: undefined,
        rolledOut: undefined,
      },
      pluginOptions(opts),
    );
  }
}
