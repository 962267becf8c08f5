import type { GateCheck } from "./Gate";
import type { Service } from "./phase";
import type { Values } from "./values";

/** How much of a platform a site wants: one machine, a few, or one that must not go down. */
export type Profile = "minimal" | "standard" | "production";

/** Things to see in the live cluster, by the words that name them when they are missing. */
export type Checks = { readonly [what: string]: GateCheck };

/** Enough pods of a Deployment are there to answer. */
export function deploymentAvailable(namespace: string, name: string): GateCheck {
  return { apiVersion: "apps/v1", kind: "Deployment", namespace, name, condition: "Available" };
}

/** An object of any kind, as plain data. */
export interface ObjectSpec {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: { readonly [key: string]: string };
    readonly annotations?: { readonly [key: string]: string };
  };
  readonly [field: string]: unknown;
}

/** Objects by a stable key. */
export type Objects = { readonly [key: string]: ObjectSpec };

/** A namespace and how much its pods may do. */
export interface NamespaceSpec {
  readonly name: string;
  /** Pod Security level that is enforced. */
  readonly podSecurity: "privileged" | "baseline" | "restricted";
}

/** Material that is made once and outlives the cluster. */
export interface KeepSpec {
  /** Passwords by name. */
  readonly passwords?: { readonly [name: string]: PasswordSpec };
  /** Keys with a certificate of their own, by name. */
  readonly keypairs?: { readonly [name: string]: KeypairSpec };
}

/** A password. A change makes a new one. */
export interface PasswordSpec {
  /** Letters and digits. */
  readonly length: number;
}

/** An RSA key and the certificate that it signs for itself. A change makes new ones. */
export interface KeypairSpec {
  readonly commonName: string;
  /** Whether the certificate may sign others. */
  readonly authority: boolean;
  /** How long the certificate lasts. */
  readonly years: number;
}

/** A piece of a Secret's text: written, from the stack's configuration (`secrets:<name>`), or kept material. */
export type SecretPiece =
  | string
  | { readonly stack: string }
  | { readonly password: string }
  | { readonly keypair: string; readonly part: "key" | "certificate" };

/** A Secret that a part finds when it begins. */
export interface SecretSpec {
  readonly namespace: string;
  readonly name: string;
  /** @default "Opaque" */
  readonly type?: string;
  readonly labels?: { readonly [key: string]: string };
  /** Its texts by key, each put together from pieces; or the one secret of the stack that is a JSON object of them. */
  readonly text: { readonly [key: string]: readonly SecretPiece[] } | { readonly stack: string };
  /**
   * Whether it is left out where the stack has no such secret. One that is taken out of the stack stays in the cluster,
   * which may have no other. @default false
   */
  readonly optional?: boolean;
}

/** A chart as it is installed, into a namespace that is there. */
export interface ChartSpec {
  /** Name of the chart in versions.yaml, and of the release. */
  readonly name: string;
  readonly namespace: string;
  readonly values: Values;
  /** Longest wait for its workloads, in seconds. @default 300 */
  readonly seconds?: number;
  /**
   * Value that holds annotations of its pods, as `operatorConfig.podAnnotations`: with it they start again when a Secret of
   * the part changes, which they read once. @default - they read it anew by themselves
   */
  readonly podAnnotations?: string;
}

/** Work that has to be over before a chart or its objects change, as a backup of what they hold. */
export interface Guard {
  readonly objects: Objects;
  /** What shows that it is over. */
  readonly done: Checks;
}

/** A part of the platform, wholly described: plain data that needs no more thought. */
export interface PlatformService extends Service {
  /** Type token of its component, as `plinth:network:Cilium`. */
  readonly type: string;
  /** Namespace that is made for it. @default - it is there already */
  readonly namespace?: NamespaceSpec;
  /** Material that it needs and that outlives the cluster. @default - none */
  readonly keep?: KeepSpec;
  /** Secrets it finds when it begins, by a stable key. @default - none */
  readonly secrets?: { readonly [key: string]: SecretSpec };
  /** What has to be seen before it is installed, beside what it needs of others. @default - nothing */
  readonly entry?: Checks;
  /** Objects of Kubernetes' own kinds that its chart waits for, by a stable key. @default - none */
  readonly first?: Objects;
  /** @default - its objects are all there is to it */
  readonly chart?: ChartSpec;
  /** Plain files of CRDs in versions.yaml that it wants. @default - none */
  readonly manifests?: readonly string[];
  /** What has to be seen before its objects are made, as a webhook that admits them. @default - nothing */
  readonly ready?: Checks;
  /** Work that comes before its objects change. @default - none */
  readonly guard?: Guard;
  /** Objects of its own, by a stable key. @default - none */
  readonly objects?: Objects;
  /** What has to be seen before anything that needs it begins. */
  readonly exit: Checks;
  /** Folders below /var/mnt that its volumes lie in, and on which machines. @default - none */
  readonly directory?: { readonly name: string; readonly nodes: readonly string[] };
  /** What is legal and still worth a second thought. @default - nothing */
  readonly warnings?: readonly string[];
}
