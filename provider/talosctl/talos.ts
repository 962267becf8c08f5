/** What plinth needs of the Talos API: one node per call, at the node's own address, every call bounded in time. */

/** Why a call failed, as far as the next decision depends on it. */
export type TalosFailure =
  /** Nothing listens, or it does not answer in time. */
  | "unreachable"
  /** It waits for its first configuration. */
  | "maintenance"
  /** It waits for its first configuration although it had one. */
  | "wiped"
  /** Its certificate is of another CA: the machine belongs to another cluster. */
  | "foreign"
  /** A certificate, the client's or its own, is not valid at this time: it has ended, or a clock is wrong. */
  | "expired"
  /** The client certificate is not allowed to do that. */
  | "denied"
  /** It cannot do that yet. */
  | "not-ready"
  /** What was to be made is there already. */
  | "exists"
  /** The node refuses the content, as a machine configuration that does not validate. */
  | "invalid"
  /** The node does not know the call or the resource. */
  | "unsupported"
  /** The tool itself is missing or broken. */
  | "tool"
  | "other";

export class TalosError extends Error {
  constructor(
    readonly kind: TalosFailure,
    readonly node: string,
    message: string,
  ) {
    super(message);
    this.name = "TalosError";
  }
}

export interface EtcdMember {
  /** Hexadecimal. */
  readonly id: string;
  readonly hostname: string;
  /** As `https://10.0.3.11:2380`. */
  readonly peerUrls: readonly string[];
  readonly learner: boolean;
}

export interface EtcdStatus {
  readonly member: string;
  /** Member id of the leader this member sees; zeros if it sees none. */
  readonly leader: string;
  readonly learner: boolean;
  readonly errors: readonly string[];
  /** Size of its database on disk in bytes, as precise as two digits; absent if it does not tell. */
  readonly bytes?: number;
}

interface Applied {
  /** The node said that it reboots for this change. */
  readonly reboots: boolean;
}

/** A service of Talos, etcd and kubelet among them. */
export interface TalosService {
  /** As `kubelet`, `ext-iscsid`. */
  readonly id: string;
  /** In Talos' words, as `Running` or `Waiting`. */
  readonly state: string;
  /** `undefined` for a service that is not checked. */
  readonly healthy: boolean | undefined;
}

/** What a control plane's API server is made of, as Talos sees it. */
export interface ApiServerConfig {
  /** A new one after each change; its pod carries it. @default - this Talos does not tell */
  readonly version?: string;
  /** Where it listens. @default - this Talos does not tell */
  readonly port?: number;
}

/** The Talos API of one cluster. `signal` ends a call that only reads; a call that changes something runs to its bound. */
export interface Talos {
  /** Talos version that runs, as `v1.13.0`. */
  version(node: string, signal: AbortSignal): Promise<string>;
  /** Image Factory schematic id of the running image; `undefined` if the machine does not tell. */
  schematic(node: string, signal: AbortSignal): Promise<string | undefined>;
  /** Machine configuration that runs: YAML documents, with secrets. */
  configuration(node: string, signal: AbortSignal): Promise<string>;
  /** What a control plane has rendered its API server from; `undefined` before it has. */
  apiServerConfig(node: string, signal: AbortSignal): Promise<ApiServerConfig | undefined>;
  /** A new one after each boot. */
  bootId(node: string, signal: AbortSignal): Promise<string>;
  /** What the machine is doing in Talos' words, as `running`, `rebooting` or `resetting`. */
  stage(node: string, signal: AbortSignal): Promise<string>;
  /** State of etcd's service in Talos' words, as `Running` or `Preparing`; `Absent` if the node has none. */
  etcdState(node: string, signal: AbortSignal): Promise<string>;
  etcdMembers(node: string, signal: AbortSignal): Promise<readonly EtcdMember[]>;
  etcdStatus(node: string, signal: AbortSignal): Promise<EtcdStatus>;
  /** Names of raised alarms, as `NOSPACE`; empty if none. */
  etcdAlarms(node: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Hands etcd's leadership to another member; returns when the node has accepted it. */
  forfeitLeadership(node: string): Promise<void>;
  /** Takes a member out of etcd, through another member's node. */
  etcdRemoveMember(node: string, id: string): Promise<void>;
  /** Writes a snapshot of etcd, as this member holds it, into an open file. */
  etcdSnapshot(node: string, into: number, signal: AbortSignal): Promise<void>;
  /** Starts etcd on an empty disk. */
  bootstrap(node: string): Promise<void>;
  /** Starts etcd on an empty disk with the content of a snapshot, which an open file holds. */
  recover(node: string, from: number): Promise<void>;
  /** Wipes system partitions by label and reboots, without leaving etcd; returns when the node has accepted it. */
  wipe(node: string, labels: readonly string[]): Promise<void>;
  apply(node: string, configuration: string): Promise<Applied>;
  /** Hands a machine in maintenance mode its first configuration, and so has it installed. */
  applyFirst(node: string, configuration: string): Promise<void>;
  /** Wipes state and data, reboots into maintenance mode; returns when the node has accepted it. */
  reset(node: string, options: { readonly graceful: boolean }): Promise<void>;
  /** Every service of the node. */
  services(node: string, signal: AbortSignal): Promise<readonly TalosService[]>;
  /** Loads an installer image onto the node; returns when it is there. */
  pull(node: string, image: string): Promise<void>;
  /** Writes an image into the other boot slot; returns when it is there. Only where a Talos installs apart from booting. */
  install(node: string, image: string): Promise<void>;
  /** Writes an image into the other boot slot and boots it, as older Talos do; returns when the node has accepted it. */
  installAndReboot(node: string, image: string): Promise<void>;
  /** Returns when the node has accepted it. */
  reboot(node: string): Promise<void>;
  /**
   * Rolls a Kubernetes version out over the whole cluster, through one control plane: control plane components, kubelets,
   * bootstrap manifests. Doing it again goes on where it stopped. `progress` hears what is being done, never content.
   */
  upgradeKubernetes(
    node: string,
    version: string,
    options: { readonly signal: AbortSignal; readonly progress: (line: string) => void },
  ): Promise<void>;
  /** Whether the machine waits in maintenance mode; `false` also if it does not answer. */
  inMaintenance(node: string, signal: AbortSignal): Promise<boolean>;
  /** The configuration with the patches on top, without any node. */
  render(configuration: string, patches: readonly string[], signal: AbortSignal): Promise<string>;
}
