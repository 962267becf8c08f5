/** The one real implementation of {@link Objects}: the API's own REST, paths by discovery. */
import { traced } from "../trace";
import { KubernetesError, type KubernetesObject, type ObjectRef, type Objects } from "./ports";
import { type Rest, rest } from "./rest";

/** Longest duration of calls in seconds; a large CRD takes its time to be checked. */
const READ = 10;
const WRITE = 30;
const MANAGER = "plinth";

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** The cluster of a kubeconfig's current context; without one, that which this process runs in. */
export function objects(kubeconfig?: string): Objects {
  return objectsOver(rest(kubeconfig));
}

/** The cluster behind an API. */
export function objectsOver(api: Rest): Objects {
  /** Path of a kind; `undefined` while the cluster does not know it. Not kept: CRDs come while we run. */
  const pathOf = async (
    { apiVersion, kind, namespace }: Pick<ObjectRef, "apiVersion" | "kind" | "namespace">,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const found = (await absent(api.send({ method: "GET", path: root, seconds: READ }, signal))) as
      | ResourceList
      | undefined;
    const resource = found?.resources?.find((each) => each.kind === kind && !each.name.includes("/"));
    if (resource === undefined) return undefined;
    return resource.namespaced && namespace !== undefined
      ? `${root}/namespaces/${namespace}/${resource.name}`
      : `${root}/${resource.name}`;
  };

  const written = async (object: KubernetesObject, dryRun: boolean, signal: AbortSignal): Promise<KubernetesObject> => {
    const { apiVersion, kind, metadata } = object;
    const path = await pathOf({ apiVersion, kind, ...pick(metadata.namespace) }, signal);
    if (path === undefined)
      throw new KubernetesError(404, `the cluster does not know the kind ${kind} (${apiVersion})`);
    return (await api.send(
      {
        method: "PATCH",
        path: `${path}/${metadata.name}`,
        query: { fieldManager: MANAGER, force: "true", ...(dryRun && { dryRun: "All" }) },
        contentType: "application/apply-patch+yaml",
        body: object,
        seconds: WRITE,
      },
      signal,
    )) as KubernetesObject;
  };

  const driver: Objects = {
    async get(ref, signal) {
      const path = await pathOf(ref, signal);
      if (path === undefined) return undefined;
      const found = await absent(api.send({ method: "GET", path: `${path}/${ref.name}`, seconds: READ }, signal));
      return found as KubernetesObject | undefined;
    },
    async list(kind, limit, signal) {
      const path = await pathOf(kind, signal);
      if (path === undefined) return [];
      const call = { method: "GET", path, query: { limit: String(limit) }, seconds: READ } as const;
      const found = (await absent(api.send(call, signal))) as { readonly items?: KubernetesObject[] } | undefined;
      return found?.items ?? [];
    },
    async heads(kind, labels, signal) {
      const path = await pathOf(kind, signal);
      if (path === undefined) return [];
      const labelSelector = Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(",");
      const accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
      const call = { method: "GET", path, query: { labelSelector }, accept, seconds: READ } as const;
      const found = (await absent(api.send(call, signal))) as { readonly items?: KubernetesObject[] } | undefined;
      return found?.items ?? [];
    },
    apply: (object, signal) => written(object, false, signal),
    rehearse: (object, signal) => written(object, true, signal),
    async strip(ref, annotations, labels, signal) {
      const path = await pathOf(ref, signal);
      if (path === undefined) return;
      await api.send(
        {
          method: "PATCH",
          path: `${path}/${ref.name}`,
          query: { fieldManager: MANAGER },
          contentType: "application/merge-patch+json",
          body: { metadata: { annotations: nothing(annotations), labels: nothing(labels) } },
          seconds: WRITE,
        },
        signal,
      );
    },
    async remove(ref, uid, signal) {
      const path = await pathOf(ref, signal);
      if (path === undefined) return;
      const call = {
        method: "DELETE",
        path: `${path}/${ref.name}`,
        body: { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } },
        seconds: WRITE,
      } as const;
      await absent(api.send(call, signal), 404, 409);
    },
  };
  return traced("kubernetes", driver);
}

/** Lets "there is no such thing" pass as no answer. */
async function absent(answer: ReturnType<Rest["send"]>, ...statuses: readonly number[]): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    const passing = statuses.length > 0 ? statuses : [404];
    if (error instanceof KubernetesError && passing.includes(error.status)) return undefined;
    throw error;
  }
}

const nothing = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, null]));
const pick = (namespace: string | undefined) => (namespace === undefined ? {} : { namespace });
