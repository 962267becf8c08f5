import { parseAllDocuments } from "yaml";

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly port?: number;
  readonly path?: string;
}

/** What of a rendered object counts here. */
interface Rendered {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly type?: string;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly targetPort?: string | number;
    }[];
    readonly template?: { readonly spec: PodSpec };
    readonly jobTemplate?: { readonly spec: { readonly template: { readonly spec: PodSpec } } };
  };
  readonly webhooks?: readonly {
    readonly name: string;
    readonly failurePolicy?: string;
    readonly clientConfig: { readonly service: ServiceReference };
  }[];
  readonly rules?: readonly Rule[];
}

interface PodSpec {
  readonly containers: readonly { readonly image: string }[];
  readonly initContainers?: readonly { readonly image: string }[];
}

/** What a chart makes, as far as others depend on it. */
export interface Inventory {
  /** `Kind namespace/name`; hooks have theirs behind it. */
  readonly objects: readonly string[];
  /** `name: port port name -> target` of every Service. */
  readonly ports: readonly string[];
  /** `name -> namespace/service:port/path, policy` of every webhook. */
  readonly webhooks: readonly string[];
  /** What each role allows, one verb on one resource a line. */
  readonly rights: Readonly<Record<string, readonly string[]>>;
  readonly images: readonly string[];
}

/** Inventory of rendered manifests, in a stable order. */
export function inventoryOf(text: string): Inventory {
  const all = parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
  const named = ({ kind, metadata: { name, namespace } }: Rendered) =>
    namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
  const hook = ({ metadata }: Rendered) => metadata.annotations?.["helm.sh/hook"];
  const sorted = (list: readonly string[]) => [...new Set(list)].sort();
  const rules = all.filter((object) => object.rules !== undefined);
  return {
    objects: sorted(all.map((object) => [named(object), hook(object)].filter(Boolean).join(" on "))),
    ports: sorted(
      all
        .filter(({ kind }) => kind === "Service")
        .flatMap((service) =>
          (service.spec?.ports ?? []).map(
            ({ name = "", port, targetPort = port }) =>
              `${named(service)} (${service.spec?.type ?? "ClusterIP"}): ${port} ${name} -> ${targetPort}`,
          ),
        ),
    ),
    webhooks: sorted(
      all.flatMap(({ webhooks = [] }) =>
        webhooks.map(({ name, failurePolicy = "Fail", clientConfig: { service } }) => {
          const { namespace, port = 443, path = "" } = service;
          return `${name} -> ${namespace}/${service.name}:${port}${path}, ${failurePolicy}`;
        }),
      ),
    ),
    rights: Object.fromEntries(
      rules
        .map((role): [string, string[]] => [named(role), sorted((role.rules ?? []).flatMap(rights))])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    images: sorted(all.flatMap(imagesOf)),
  };
}

function rights({ apiGroups = [""], resources = [], resourceNames = [], nonResourceURLs = [], verbs }: Rule): string[] {
  const only = resourceNames.length === 0 ? [""] : resourceNames.map((name) => ` ${name}`);
  const targets = apiGroups.flatMap((group) =>
    resources.map((resource) => [group, resource].filter(Boolean).join("/")),
  );
  return verbs.flatMap((verb) =>
    [...targets, ...nonResourceURLs].flatMap((target) => only.map((name) => `${verb} ${target}${name}`)),
  );
}

function imagesOf({ spec }: Rendered): string[] {
  const pod = spec?.template?.spec ?? spec?.jobTemplate?.spec.template.spec;
  return [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].map(({ image }) => image);
}
