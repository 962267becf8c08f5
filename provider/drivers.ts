/** The outside world as the Talos resources see it; tests hand in one that fails. */
import type { Snapshot } from "../components/backup/snapshot";
import type { Problem } from "../components/problem";
import type { ClientConfiguration } from "../components/talos/binding";
import type { Endpoint } from "./kubernetes/endpoint";
import type { Kubernetes } from "./kubernetes/kubernetes";
import type { EarlierInputs } from "./snapshot/earlier";
import type { StoreQuestion } from "./snapshot/preflight";
import type { SnapshotContext, SnapshotInputs } from "./snapshot/take";
import type { Face } from "./talosctl/probe";
import type { Talos } from "./talosctl/talos";

export interface Drivers {
  talos(credentials: ClientConfiguration, redact: (text: string) => string): Talos;
  /** What a machine shows to somebody without credentials; `ca` (PEM) tells whose it is. */
  probe(address: string, ca: string | undefined, signal: AbortSignal): Promise<Face>;
  /** Version of the talosctl that {@link talos} uses; `undefined` if there is none. Asks no machine. */
  talosctlVersion(signal: AbortSignal): Promise<string | undefined>;
  kubernetes(kubeconfig: string): Kubernetes;
  readonly endpoint: Endpoint;
  readonly snapshots: Snapshots;
  /** Pause between two looks while waiting, in milliseconds. */
  readonly pollMs: number;
}

/** Snapshots of etcd, in a store outside the cluster. */
export interface Snapshots {
  /** Everything that would keep one from being taken. */
  check(question: StoreQuestion, context: SnapshotContext): Promise<readonly Problem[]>;
  take(inputs: SnapshotInputs, talos: Talos, context: SnapshotContext): Promise<Snapshot>;
  /** Name of the first snapshot before a step that a killed run took and could not tell of. */
  earlier(inputs: EarlierInputs, talos: Talos, context: SnapshotContext): Promise<string | undefined>;
}
