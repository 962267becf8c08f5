import type { Resource } from "../rule";

/** Where each kind of workload keeps the spec of its pods. */
const POD_SPECS: Readonly<Record<string, readonly string[]>> = {
  "kubernetes:core/v1:Pod": ["spec"],
  "kubernetes:core/v1:ReplicationController": ["spec", "template", "spec"],
  "kubernetes:apps/v1:Deployment": ["spec", "template", "spec"],
  "kubernetes:apps/v1:ReplicaSet": ["spec", "template", "spec"],
  "kubernetes:apps/v1:DaemonSet": ["spec", "template", "spec"],
  "kubernetes:apps/v1:StatefulSet": ["spec", "template", "spec"],
  "kubernetes:batch/v1:Job": ["spec", "template", "spec"],
  "kubernetes:batch/v1:CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
};

/** Types of everything that runs pods. */
export const WORKLOADS = Object.keys(POD_SPECS);

/** Namespaces of drivers, whose pods reach into their machine. */
export const DRIVERS = [
  "kube-system",
  "longhorn-system",
  "csi-proxmox",
  "metallb-system",
  "openebs",
  "nvidia-device-plugin",
];

// biome-ignore lint/suspicious/noExplicitAny: Kubernetes objects are what their author wrote
type Loose = any;

/** Spec of a workload's pods, and the path to it. */
export function podSpec({ type, props }: Resource): { readonly spec: Loose; readonly path: string } {
  const path = POD_SPECS[type] ?? [];
  return { spec: path.reduce<Loose>((value, key) => value?.[key], props) ?? {}, path: path.join(".") };
}

/** Containers of a workload, those that only start it as well, each with its path. */
export function containers(resource: Resource): readonly { readonly container: Loose; readonly path: string }[] {
  const { spec, path } = podSpec(resource);
  return ["initContainers", "containers"].flatMap((list) =>
    ((spec[list] ?? []) as Loose[]).map((container, place) => ({ container, path: `${path}.${list}[${place}]` })),
  );
}

/** Containers that run as long as their pod: its own, and those that start before them and stay. */
export function lastingContainers(resource: Resource): ReturnType<typeof containers> {
  return containers(resource).filter(
    ({ container, path }) => !path.includes(".initContainers[") || container.restartPolicy === "Always",
  );
}

/** Namespace of an object; `default` where none is written. */
export function namespaceOf({ props }: Resource): string {
  return props.metadata?.namespace ?? "default";
}

/** The object's own name, or its resource's where the provider chooses one. */
export function objectName({ name, props }: Resource): string {
  return props.metadata?.name ?? name;
}

/** The parts of `registry/name:tag@digest`. */
export interface ImageReference {
  readonly name: string;
  readonly tag?: string;
  readonly digest?: string;
}

export function imageReference(text: string): ImageReference {
  const [, name = text, , tag, , digest] = /^(.*?)(:([^:/@]+))?(@(.+))?$/.exec(text) ?? [];
  return { name, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** A tag that is moved from image to image by whoever publishes it. */
export function isFloating(tag: string | undefined): boolean {
  return tag === undefined || !/\d+\.\d+|[0-9a-f]{7,}|\d{8}/.test(tag);
}

/** Types of custom resources in every version that is served. */
export function kinds(group: string, versions: readonly string[], kind: string): readonly string[] {
  return versions.map((version) => `kubernetes:${group}/${version}:${kind}`);
}

export const RELEASES = ["kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v4:Chart", "kubernetes:helm.sh/v3:Chart"];
