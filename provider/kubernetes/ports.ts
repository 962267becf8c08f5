/** The outside world as the platform's resources see it; tests hand in one that fails. */

import type { BundledChart } from "../../components/kubernetes/CrdBundle";

/** What names one object of any kind. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** Left out for kinds without namespaces. */
  readonly namespace?: string;
  readonly name: string;
}

/** An object as the API writes it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** The API refused a call, or did not answer. */
export class KubernetesError extends Error {
  constructor(
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "KubernetesError";
  }
}

/** Objects of any kind of one cluster. A kind that the cluster does not know is like an object that is not there. */
export interface Objects {
  get(ref: ObjectRef, signal: AbortSignal): Promise<KubernetesObject | undefined>;
  /** At most `limit` objects of a kind, of every namespace. */
  list(
    kind: Pick<ObjectRef, "apiVersion" | "kind">,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly KubernetesObject[]>;
  /** Every object of a kind in a namespace that has these labels, without its content. */
  heads(
    kind: Pick<ObjectRef, "apiVersion" | "kind" | "namespace">,
    labels: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<readonly Pick<KubernetesObject, "metadata">[]>;
  /** Server-side apply as plinth, taking over the fields it sets. */
  apply(object: KubernetesObject, signal: AbortSignal): Promise<KubernetesObject>;
  /** What {@link apply} would lead to; admission runs, nothing is written. */
  rehearse(object: KubernetesObject, signal: AbortSignal): Promise<KubernetesObject>;
  /** Takes annotations and labels away, whoever set them. */
  strip(ref: ObjectRef, annotations: readonly string[], labels: readonly string[], signal: AbortSignal): Promise<void>;
  /** Deletes exactly the object with that uid; one that is gone or another one by now is no error. */
  remove(ref: ObjectRef, uid: string, signal: AbortSignal): Promise<void>;
}

/** A pinned chart with the name it is told by. */
export interface ChartArchive extends BundledChart {
  readonly name: string;
  /** Kubernetes version it is rendered for. @default - Helm's own */
  readonly kubernetesVersion?: string | undefined;
}

/** What an archive holds. */
export interface OpenedChart {
  /** `sha256:…` of the archive's bytes. */
  readonly digest: string;
  /** Its CustomResourceDefinitions as YAML documents, rendered. */
  readonly crds: string;
}

/** Why an archive could not be used, in one sentence with the way out. */
export class ChartError extends Error {
  override readonly name = "ChartError";
}

export interface Charts {
  /** Fetches an archive, checks its digest and reads its CRDs; leaves nothing behind. */
  open(archive: ChartArchive, signal: AbortSignal): Promise<OpenedChart>;
  /** Version of the helm that {@link open} uses; `undefined` if there is none. */
  helmVersion(signal: AbortSignal): Promise<string | undefined>;
}

export interface PlatformDrivers {
  objects(kubeconfig: string): Objects;
  readonly charts: Charts;
  /** Pause between two looks while waiting, in milliseconds. */
  readonly pollMs: number;
}
