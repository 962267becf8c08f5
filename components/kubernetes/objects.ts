import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { NamespaceSpec, ObjectSpec } from "./service";
import { sortedKeys } from "./values";

/** Kinds without a group have a class each; every other kind is named by its group. */
const CORE: Readonly<
  Record<string, new (name: string, args: object, opts: pulumi.CustomResourceOptions) => pulumi.Resource>
> = {
  ConfigMap: k8s.core.v1.ConfigMap,
  PersistentVolumeClaim: k8s.core.v1.PersistentVolumeClaim,
  Service: k8s.core.v1.Service,
  ServiceAccount: k8s.core.v1.ServiceAccount,
};

/** Fields that the API never changes in place, of kinds for which the engine's provider does not know it. */
const FIXED: Readonly<Record<string, readonly string[]>> = { StorageClass: ["reclaimPolicy", "volumeBindingMode"] };

/** What a kind asks of the engine: to be made anew where it cannot be changed, or to stay when it is given up. */
function optionsOf(kind: string): pulumi.CustomResourceOptions {
  const fixed = FIXED[kind];
  if (fixed !== undefined) return { replaceOnChanges: [...fixed], deleteBeforeReplace: true };
  // A claim holds data: whoever does not want them any more deletes it, or its namespace.
  return kind === "PersistentVolumeClaim" ? { retainOnDelete: true } : {};
}

/** An object of any kind as a resource, its fields in order. */
export function objectResource(
  name: string,
  { apiVersion, kind, metadata, ...fields }: ObjectSpec,
  given: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const opts = { ...given, ...optionsOf(kind) };
  const content = { metadata: { ...metadata }, ...sortedKeys(fields) };
  if (apiVersion !== "v1") return new k8s.apiextensions.CustomResource(name, { apiVersion, kind, ...content }, opts);
  const Core = CORE[kind];
  if (Core === undefined) throw new Error(`there is no class for v1/${kind}`);
  return new Core(name, content, opts);
}

/** A namespace whose pods may do so much and no more. */
export function namespaceResource(
  name: string,
  spec: NamespaceSpec,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const labels = {
    "app.kubernetes.io/managed-by": "plinth",
    "pod-security.kubernetes.io/enforce": spec.podSecurity,
  };
  return new k8s.core.v1.Namespace(name, { metadata: { name: spec.name, labels } }, opts);
}
