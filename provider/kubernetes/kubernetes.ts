/** What plinth's provider needs of a cluster's Kubernetes API. */
import type { Act } from "../audit";

/** A taint as the API writes it. */
export interface KubernetesTaint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  /** When a NoExecute taint was set, as the API wrote it. */
  readonly timeAdded?: string;
}

/** Taints of a Node, and which of them plinth noted as its own: `key:Effect`, sorted; undefined without a note. */
export interface NodeTaints {
  readonly taints: readonly KubernetesTaint[];
  readonly noted: readonly string[] | undefined;
}

/** What plinth notes on a Node while it upgrades it, so that a later run knows what an earlier one has done. */
export interface NodeMark {
  /** plinth has cordoned the Node: only such a cordon is lifted. */
  readonly cordoned: boolean;
  /** Image that lies in the other boot slot, and the boot id of the boot that wrote it. @default - none */
  readonly installed?: { readonly image: string; readonly bootId: string };
}

/** A pod that stands in the way of a drain. */
export interface KubernetesPod {
  readonly namespace: string;
  readonly name: string;
  /** Another one under the same name has another. */
  readonly uid: string;
}

/** A pod that a machine runs by itself, as Kubernetes shows it. */
export interface StaticPod {
  /** Version of the configuration that Talos has rendered it from. @default - it does not say */
  readonly config?: string;
  readonly ready: boolean;
  /** Why it is not Ready, in the kubelet's words. */
  readonly said: string;
  readonly restarts: number;
}

export interface KubernetesNode extends NodeTaints {
  readonly name: string;
  readonly ready: boolean;
  /** Message of its Ready condition, or what is missing. */
  readonly reason: string;
  /** Version of its kubelet, as `v1.36.3`. */
  readonly kubelet: string;
  /** Boot id of the machine as its kubelet reported it last; empty if it has not. */
  readonly bootId: string;
  /** Addresses its kubelet reports, without names. */
  readonly addresses: readonly string[];
  /** Whether new pods stay away from it. */
  readonly unschedulable: boolean;
  /** @default - plinth has left none */
  readonly mark?: NodeMark;
}

/** A `coordination.k8s.io/v1` Lease, as far as it matters here. */
export interface KubernetesLease {
  readonly holder: string;
  /** When the holder was last seen, in milliseconds since 1970. */
  readonly renewed: number;
  readonly seconds: number;
  /** Changes with every write: a write with an old one is refused. */
  readonly version: string;
}

/** Every call throws when the API does not answer within its bound. */
export interface Kubernetes {
  nodes(signal: AbortSignal): Promise<readonly KubernetesNode[]>;
  /** A machine's own pod in `kube-system`; `undefined` if there is none. */
  staticPod(name: string, signal: AbortSignal): Promise<StaticPod | undefined>;
  /** Writes taints and note of a Node as it was seen; `false` if somebody else changed its taints since. */
  setTaints(name: string, seen: NodeTaints, next: NodeTaints): Promise<boolean>;
  /** Writes or takes away plinth's mark; with `unschedulable` cordons or uncordons the Node in the same write. */
  setMark(name: string, mark: NodeMark | undefined, unschedulable?: boolean): Promise<void>;
  /** Pods on a Node that a drain has to evict: none of a DaemonSet, none of the machine's own, none that has ended. */
  evictable(name: string, signal: AbortSignal): Promise<readonly KubernetesPod[]>;
  /** Asks for an eviction; a sentence why the API refuses it now (a disruption budget), `undefined` when it was accepted. */
  evict(pod: KubernetesPod): Promise<string | undefined>;
  /** Removes the Node object; nothing if there is none. */
  deleteNode(name: string): Promise<void>;
  lease(name: string): Promise<KubernetesLease | undefined>;
  /** Writes the lease for `holder`; `false` if somebody else wrote it since `seen`. */
  writeLease(name: string, holder: string, seconds: number, seen: KubernetesLease | undefined): Promise<boolean>;
  /** Leaves a record of a privileged act as an Event in `kube-system`. */
  event(act: Act): Promise<void>;
}
