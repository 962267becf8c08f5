import type { GateCheck } from "./Gate";
import type { Service } from "./phase";
import type { Values } from "./values";

/** How much of a platform a site wants: one machine, a few, or one that must not go down. */
export type Profile = "minimal" | "standard" | "production";

/** Things to see in the live cluster, by the words that name them when they are missing. */
export type Checks = { readonly [what: string]: GateCheck };

/** An object of any kind, as plain data. */
export interface ObjectSpec {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** A chart as it is installed. */
export interface ChartSpec {
  /** Name of the chart in versions.yaml, and of the release. */
  readonly name: string;
  readonly namespace: string;
  readonly values: Values;
  /**
   * Pod Security level of the namespace, which is made with the chart. @default - the namespace is there already
   */
  readonly podSecurity?: "privileged" | "baseline" | "restricted";
  /** Longest wait for its workloads, in seconds. @default 300 */
  readonly seconds?: number;
}

/** A part of the platform, wholly described: plain data that needs no more thought. */
export interface PlatformService extends Service {
  /** Type token of its component, as `plinth:network:Cilium`. */
  readonly type: string;
  /** What has to be seen before it is installed, beside what it needs of others. @default - nothing */
  readonly entry?: Checks;
  /** Objects of Kubernetes' own kinds that its chart waits for, by a stable key. @default - none */
  readonly first?: { readonly [key: string]: ObjectSpec };
  readonly chart: ChartSpec;
  /** Plain files of CRDs in versions.yaml that it wants. @default - none */
  readonly manifests?: readonly string[];
  /** What has to be seen before its objects are made, as a webhook that admits them. @default - nothing */
  readonly ready?: Checks;
  /** Objects of its own kinds, by a stable key. @default - none */
  readonly objects?: { readonly [key: string]: ObjectSpec };
  /** What has to be seen before anything that needs it begins. */
  readonly exit: Checks;
  /** What is legal and still worth a second thought. @default - nothing */
  readonly warnings?: readonly string[];
}
