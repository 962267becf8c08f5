import * as pulumi from "@pulumi/pulumi";
import type { SecretsBundle } from "../adopt/bundle";
import type { Backup } from "../backup/spec";
import type { Maintenance } from "../maintenance/spec";
import { Bootstrap, type BootstrapArgs } from "./Bootstrap";
import {
  type ClientConfiguration,
  ConfigurationApply,
  Kubeconfig,
  type MachineSecrets,
  machineConfiguration,
  Secrets,
  talosconfig,
} from "./binding";
import {
  ClusterRelease,
  type ClusterReleaseArgs,
  type MachineType,
  type ReleaseTimeouts,
  type UpgradeSettings,
} from "./ClusterRelease";
import { generationPatches } from "./config/generation";
import type { Contract } from "./releases";

/** One node of a {@link TalosCluster}. Its key in `nodes` is its identity and names its resources. */
export interface TalosNodeArgs {
  /** What it is in the cluster. Plain: shapes the resource graph. A change is refused; remove the node and add it again. */
  readonly type: MachineType;
  /** Own address of the machine. A change moves the node. */
  readonly address: pulumi.Input<string>;
  /**
   * Address the machine is called at, where its own cannot be reached from here. In place.
   * @default - its own
   */
  readonly reach?: pulumi.Input<string>;
  /** What has to be there before it is configured. Plain. @default - it is there */
  readonly ready?: readonly pulumi.Input<pulumi.Resource>[];
  /** Image Factory schematic of its image, where that is not the cluster's. @default - the cluster's */
  readonly schematic?: pulumi.Input<string>;
  /** Host and Node name. A change re-registers the node. */
  readonly hostname: pulumi.Input<string>;
  /**
   * Which machine stands under this key. Raise it when the machine is another one or was wiped: the old one is forgotten
   * (etcd member, Node) and the new one installed. @default 1
   */
  readonly generation?: number;
  /** Whether the machine runs already: it is handed no first configuration. Plain; leave it as it is. @default false */
  readonly adopted?: boolean;
  /** Whether its first configuration is needed as a whole, to be handed out by others. Plain. @default false */
  readonly handedOut?: boolean;
  /** Nodes of one domain may fail together. In place. @default - a domain of its own */
  readonly failureDomain?: pulumi.Input<string>;
  /** Machine configuration patches on top of the role's configuration. What a change does depends on the changed paths. */
  readonly patches: pulumi.Input<readonly string[]>;
  /** Patches that hold secrets, applied after the others; kept secret as a whole. @default - none */
  readonly secretPatches?: pulumi.Input<readonly string[]>;
}

/** Inputs of {@link TalosCluster}. */
export interface TalosClusterArgs {
  /** Name of the cluster in machine configurations and kubeconfig. A change replaces the cluster. */
  readonly clusterName: pulumi.Input<string>;
  /** Talos minor whose configuration format is written; frozen when the cluster is made. Plain. */
  readonly configContract: Contract;
  /** Talos version that shall run, as `v1.13.0`. A change upgrades node by node and reboots each. */
  readonly talosVersion: pulumi.Input<string>;
  /** Kubernetes version that shall run, as `v1.36.3`. A change upgrades component by component. */
  readonly kubernetesVersion: pulumi.Input<string>;
  /** Image Factory schematic of the nodes' image. @default - not checked */
  readonly schematic?: pulumi.Input<string>;
  /** URL of the Kubernetes API, as `https://10.0.3.1:6443`. A change replaces the endpoint of every client. */
  readonly endpoint: pulumi.Input<string>;
  /** Nodes by inventory key. Plain: shapes the resource graph. */
  readonly nodes: { readonly [key: string]: TalosNodeArgs };
  /** Secrets of a cluster that exists already. @default - new ones, made once and kept protected in the state */
  readonly bundle?: pulumi.Input<SecretsBundle>;
  /** What a destroy does to the machines. @default "keep" */
  readonly onDestroy?: "keep" | "reset";
  /** Paths of machine configurations whose change may lose data or reboot several control planes. Plain. @default - none */
  readonly allow?: readonly string[];
  /** Where etcd's snapshots go, and who can open them. Plain. @default - none are taken, and no upgrade is begun */
  readonly backup?: Backup;
  /** When the running cluster may be changed, and what runs around its changes. Plain. @default - always, and nothing */
  readonly maintenance?: Maintenance;
  /** How versions change. In place. Plain. @default - one node after the other */
  readonly upgrade?: UpgradeSettings;
  /** Longest waits for one node. In place. Plain. @default - as {@link ReleaseTimeouts} says */
  readonly timeouts?: ReleaseTimeouts;
}

/**
 * A Kubernetes cluster on Talos Linux, from machines in maintenance mode to an answering API.
 *
 * Its secrets bundle is its identity: protected, secret as a whole and never made anew. The first configuration of a
 * node is applied once; from then on {@link ClusterRelease} alone changes what runs.
 */
export class TalosCluster extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:talos:TalosCluster";

  /** Admin kubeconfig (secret); known once the Kubernetes API answers. */
  readonly kubeconfig: pulumi.Output<string>;
  /** Talosconfig (secret) with the control planes' own addresses as endpoints. */
  readonly talosconfig: pulumi.Output<string>;
  /** URL of the Kubernetes API. */
  readonly endpoint: pulumi.Output<string>;
  /** Id of the cluster, the same for its whole life. */
  readonly clusterId: pulumi.Output<string>;
  /** Certificate of the CA that signs the nodes' Talos API, PEM: whoever shows one of its certificates is a node. */
  readonly talosCa: pulumi.Output<string>;
  /** First configuration (secret) of every node that has `handedOut`, by inventory key. */
  readonly handedOut: ReadonlyMap<string, pulumi.Output<string>>;
  /** What runs on the nodes; wait for it when every node has to be up. */
  readonly release: ClusterRelease;
  /** etcd of the cluster; a destroy that wipes the machines ends everything inside with it. */
  readonly bootstrap: Bootstrap;

  constructor(name: string, args: TalosClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    const controlPlanes = keysOf(args.nodes, "controlplane");
    const workers = keysOf(args.nodes, "worker");
    super(
      TalosCluster.__pulumiType,
      name,
      {
        configContract: args.configContract,
        talosVersion: args.talosVersion,
        kubernetesVersion: args.kubernetesVersion,
        controlPlanes: controlPlanes.length,
        workers: workers.length,
      },
      opts,
    );
    const before = opts?.dependsOn;
    // A component's dependencies do not reach its children by themselves.
    const after = (...resources: readonly pulumi.Input<pulumi.Resource>[]) => ({
      parent: this,
      dependsOn:
        before === undefined ? [...resources] : pulumi.output(before).apply((all) => [...[all].flat(), ...resources]),
    });
    const first = firstOf(controlPlanes, args.nodes);

    const secrets = secretsOf(name, args, after());
    const { clientConfiguration } = secrets;
    this.talosCa = pulumi.unsecret(
      clientConfiguration.apply(({ caCertificate }) => Buffer.from(caCertificate, "base64").toString("utf8")),
    );
    const configuration = {
      controlplane: this.roleConfiguration("controlplane", args, secrets.machineSecrets),
      ...(workers.length > 0 && { worker: this.roleConfiguration("worker", args, secrets.machineSecrets) }),
    };

    this.handedOut = new Map(
      Object.entries(args.nodes)
        .filter(([, { handedOut }]) => handedOut === true)
        .map(([key, node]) => [
          key,
          this.roleConfiguration(node.type, args, secrets.machineSecrets, firstPatches(node, args.configContract)),
        ]),
    );
    const applied = new Map(
      Object.entries(args.nodes)
        .filter(([, { adopted }]) => adopted !== true)
        .map(([key, node]) => [
          key,
          new ConfigurationApply(
            `${name}-${key}`,
            {
              clientConfiguration,
              node: calledAt(node),
              machineConfigurationInput: configuration[node.type] ?? "",
              configPatches: firstPatches(node, args.configContract),
            },
            // It takes a machine out of maintenance mode, once; afterwards ClusterRelease owns what the node runs. Whatever
            // changed here would hand it that first configuration again, another client certificate too.
            {
              ...after(...(node.ready ?? [])),
              ignoreChanges: ["clientConfiguration", "machineConfigurationInput", "configPatches", "node", "endpoint"],
            },
          ),
        ]),
    );

    this.bootstrap = new Bootstrap(
      `${name}-bootstrap`,
      {
        clusterName: args.clusterName,
        clientConfiguration,
        node: first.address,
        controlPlanes: controlPlanes.map((key) => args.nodes[key]?.address ?? first.address),
        ...reachOf(controlPlanes.flatMap((key) => args.nodes[key] ?? [])),
        endpoint: args.endpoint,
        kubernetesCa: secrets.machineSecrets.apply((bundle) => bundle.certs.k8s.cert),
      },
      after(...controlPlanes.flatMap((key) => applied.get(key) ?? [])),
    );

    const kubeconfig = new Kubeconfig(
      `${name}-kubeconfig`,
      { clientConfiguration, node: calledAt(first) },
      // Any control plane hands out the same: the one it came from may leave.
      { ...after(this.bootstrap), ignoreChanges: ["node", "endpoint"] },
    );

    this.release = new ClusterRelease(
      `${name}-release`,
      {
        clusterName: args.clusterName,
        clientConfiguration,
        kubeconfig: kubeconfig.kubeconfigRaw,
        configuration: pulumi.output(configuration),
        nodes: releaseNodes(args),
        ...secretPatches(args),
        onDestroy: args.onDestroy ?? "keep",
        // Left out while there is none: the inputs of a cluster made before there was such a list stay as they are.
        ...((args.allow ?? []).length > 0 && { allow: args.allow }),
        ...(args.backup !== undefined && { backup: args.backup }),
        ...(args.maintenance !== undefined && { maintenance: args.maintenance }),
        ...(args.upgrade !== undefined && { upgrade: args.upgrade }),
        ...(args.timeouts !== undefined && { timeouts: args.timeouts }),
      },
      // It installs the machines of a later generation itself.
      after(...applied.values(), ...Object.values(args.nodes).flatMap(({ ready = [] }) => ready), this.bootstrap),
    );

    this.endpoint = pulumi.output(args.endpoint);
    this.clusterId = this.bootstrap.clusterId;
    this.kubeconfig = pulumi.secret(kubeconfig.kubeconfigRaw);
    this.talosconfig = talosconfig(
      {
        clusterName: args.clusterName,
        clientConfiguration,
        endpoints: controlPlanes.map((key) => calledAt(args.nodes[key] ?? first)),
        nodes: Object.values(args.nodes).map((node) => node.address),
      },
      this,
    );
    this.registerOutputs({
      endpoint: this.endpoint,
      clusterId: this.clusterId,
      kubeconfig: this.kubeconfig,
      talosconfig: this.talosconfig,
    });
  }

  /** One configuration a role; what differs between nodes comes as patches. */
  private roleConfiguration(
    machineType: MachineType,
    args: TalosClusterArgs,
    machineSecrets: pulumi.Output<MachineSecrets>,
    configPatches?: pulumi.Input<readonly string[]>,
  ): pulumi.Output<string> {
    return machineConfiguration(
      {
        clusterName: args.clusterName,
        clusterEndpoint: args.endpoint,
        machineType,
        machineSecrets,
        kubernetesVersion: args.kubernetesVersion,
        talosVersion: args.configContract,
        ...(configPatches !== undefined && { configPatches }),
      },
      this,
    );
  }
}

/** Address a machine is called at. */
function calledAt({ address, reach }: TalosNodeArgs): pulumi.Input<string> {
  return reach ?? address;
}

/** Control planes that are called at another address than their own; nothing where there are none. */
function reachOf(nodes: readonly TalosNodeArgs[]): Pick<BootstrapArgs, "reach"> {
  const reach = nodes.flatMap(({ address, reach: at }) =>
    at === undefined ? [] : [pulumi.all([address, at]).apply(([own, other]) => ({ address: own, at: other }))],
  );
  return reach.length === 0 ? {} : { reach };
}

function keysOf(nodes: TalosClusterArgs["nodes"], type: MachineType): string[] {
  return Object.keys(nodes)
    .filter((key) => nodes[key]?.type === type)
    .sort();
}

function firstOf(controlPlanes: readonly string[], nodes: TalosClusterArgs["nodes"]): TalosNodeArgs {
  const first = nodes[controlPlanes[0] ?? ""];
  if (first === undefined) throw new pulumi.RunError("a Talos cluster needs at least one node of type controlplane");
  return first;
}

interface Identity {
  readonly machineSecrets: pulumi.Output<MachineSecrets>;
  readonly clientConfiguration: pulumi.Output<ClientConfiguration>;
}

/** What identifies the cluster: given by the stack, or made once. */
function secretsOf(
  name: string,
  { bundle, configContract }: TalosClusterArgs,
  child: pulumi.CustomResourceOptions,
): Identity {
  if (bundle !== undefined) {
    const given = pulumi.secret(bundle) as pulumi.Output<SecretsBundle>;
    return {
      machineSecrets: given.apply(({ machineSecrets }) => machineSecrets),
      clientConfiguration: given.apply(({ clientConfiguration }) => clientConfiguration),
    };
  }
  return new Secrets(
    `${name}-secrets`,
    { talosVersion: configContract },
    // The bundle outlives every change: a new contract must not touch it, a destroy must not take it.
    { ...child, protect: true, ignoreChanges: ["talosVersion"] },
  );
}

/** Every patch of a node's first configuration. */
function firstPatches(node: TalosNodeArgs, contract: Contract): pulumi.Input<readonly string[]> {
  const open = openPatches(node, contract);
  if (node.secretPatches === undefined) return open;
  return pulumi.all([open, pulumi.secret(node.secretPatches)]).apply((parts) => parts.flat());
}

/** The patches that are no secrets; plain if they were given so. */
function openPatches({ patches, generation = 1 }: TalosNodeArgs, contract: Contract): pulumi.Input<readonly string[]> {
  const marks = generationPatches(generation, contract);
  return marks.length === 0 ? patches : pulumi.output(patches).apply((known) => [...known, ...marks]);
}

/** Every node with the versions it shall run, as {@link ClusterRelease} takes them. */
function releaseNodes(args: TalosClusterArgs): Extract<ClusterReleaseArgs["nodes"], object> {
  const { talosVersion: talos, kubernetesVersion: kubernetes, schematic } = args;
  const versions = { talos, kubernetes, ...(schematic !== undefined && { schematic }) };
  return Object.fromEntries(
    Object.entries(args.nodes).map(
      ([key, { generation = 1, secretPatches: _, ready: __, handedOut: ___, ...node }]) => [
        key,
        {
          ...versions,
          ...node,
          patches: openPatches({ ...node, generation }, args.configContract),
          ...(generation > 1 && { generation }),
        },
      ],
    ),
  );
}

/** Patches that hold secrets, apart from the nodes, so that a preview can show everything else of them. */
function secretPatches({ nodes }: TalosClusterArgs): Pick<ClusterReleaseArgs, "secretPatches"> {
  const entries = Object.entries(nodes).flatMap(([key, node]) =>
    node.secretPatches === undefined ? [] : [[key, node.secretPatches] as const],
  );
  return entries.length === 0 ? {} : { secretPatches: pulumi.secret(pulumi.all(Object.fromEntries(entries))) };
}
