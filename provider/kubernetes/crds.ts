/** CustomResourceDefinitions as plain data: out of rendered YAML, ready to be applied, and what is told of them. */
import { createHash } from "node:crypto";
import { parseAllDocuments } from "yaml";
import { ChartError, type KubernetesObject } from "./ports";

/** A CustomResourceDefinition, as far as it is looked at. */
export interface Crd extends KubernetesObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
    readonly conversion?: { readonly webhook?: { readonly clientConfig?: Readonly<Record<string, unknown>> } };
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

export const CRD = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" } as const;

/** Helm leaves an object with this annotation alone when a release no longer holds it. */
const KEEP = "helm.sh/resource-policy";
const MANAGED_BY = "app.kubernetes.io/managed-by";
/** What Helm writes on the objects of a release. */
export const HELM_ANNOTATIONS = ["meta.helm.sh/release-name", "meta.helm.sh/release-namespace"] as const;

/** The CRDs among rendered documents, by name, ready to be applied. */
export function readCrds(text: string, chart: string): readonly Crd[] {
  const found = parseAllDocuments(text).flatMap((document): Crd[] => {
    const [error] = document.errors;
    if (error !== undefined) throw new ChartError(`${chart} renders no YAML: ${error.message.split("\n")[0]}`);
    const object: unknown = document.toJS();
    return isCrd(object) ? [prepared(object)] : [];
  });
  return found.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

function isCrd(object: unknown): object is Crd {
  return typeof object === "object" && object !== null && "kind" in object && object.kind === CRD.kind;
}

/** Without what the cluster writes itself: the status, and the CA that a controller injects into the webhook. */
function prepared({ status: _, spec, metadata: { name, labels, annotations } }: Crd): Crd {
  return {
    ...CRD,
    metadata: {
      name,
      labels: { ...labels, [MANAGED_BY]: "plinth" },
      annotations: { ...without(annotations ?? {}, HELM_ANNOTATIONS), [KEEP]: "keep" },
    },
    spec: withoutCa(spec),
  };
}

function withoutCa(spec: Crd["spec"]): Crd["spec"] {
  const webhook = spec.conversion?.webhook;
  if (webhook?.clientConfig?.caBundle === undefined) return spec;
  const clientConfig = without(webhook.clientConfig, ["caBundle"]);
  return { ...spec, conversion: { ...spec.conversion, webhook: { ...webhook, clientConfig } } };
}

/** Short digest of what a live CRD says, without the injected CA: tells a change by somebody else. */
export function specDigest(crd: Crd): string {
  return createHash("sha256")
    .update(JSON.stringify(sortedKeys(withoutCa(crd.spec))))
    .digest("hex")
    .slice(0, 16);
}

/** Whether applying changed, or would change, anything a person could notice. */
export function sameCrd(before: Crd, after: Crd): boolean {
  return (
    specDigest(before) === specDigest(after) &&
    JSON.stringify(sortedKeys([before.metadata.labels, before.metadata.annotations])) ===
      JSON.stringify(sortedKeys([after.metadata.labels, after.metadata.annotations]))
  );
}

/** Helm release that a live CRD belongs to, as `namespace/name`. */
export function helmOwner({ metadata: { annotations } }: Crd): string | undefined {
  const [name, namespace] = HELM_ANNOTATIONS.map((key) => annotations?.[key]);
  return name === undefined ? undefined : `${namespace ?? "default"}/${name}`;
}

/** What keeps a CRD from being served; `undefined` when it is established. */
export function notEstablished(crd: Crd): string | undefined {
  const conditions = crd.status?.conditions ?? [];
  const refused = conditions.find(({ type, status }) => type === "NamesAccepted" && status === "False");
  if (refused !== undefined) return `its names are not accepted: ${refused.message ?? ""}`;
  if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return undefined;
  return "it is not established yet";
}

/** Kind of the objects of a CRD, in a version that is served. */
export function servedKind({ spec }: Crd): { readonly apiVersion: string; readonly kind: string } | undefined {
  const version = spec.versions.find(({ served }) => served);
  return version && { apiVersion: `${spec.group}/${version.name}`, kind: spec.names.kind };
}

function without<T>(record: Readonly<Record<string, T>>, keys: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortedKeys(item)]),
  );
}
