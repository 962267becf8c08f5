/** The one real implementation of {@link Kubernetes}: the official client, loaded only when it is used. */
import type * as k8s from "@kubernetes/client-node";
import { z } from "zod";
import { traced } from "../trace";
import type { Kubernetes, KubernetesLease, KubernetesNode, KubernetesTaint, NodeMark, StaticPod } from "./kubernetes";

const CALL_MS = 10_000;
const NAMESPACE = "kube-system";
/** Annotation on a Node: the taints that plinth set. */
const NOTE = "plinth.dev/taints";
/** Annotation on a Node: plinth's {@link NodeMark} as JSON; empty when there is none. */
const MARK = "plinth.dev/upgrade";
/** Annotation of Talos on a static pod: the version of the configuration it was rendered from. */
const CONFIG_VERSION = "talos.dev/config-version";

/** The API of the kubeconfig's current context. */
export function kubernetes(kubeconfig: string): Kubernetes {
  let connected: Promise<Connection> | undefined;
  const connection = (): Promise<Connection> => {
    connected ??= connect(kubeconfig);
    return connected;
  };

  const driver: Kubernetes = {
    async nodes(signal) {
      signal.throwIfAborted();
      const { core } = await connection();
      const { items } = await core.listNode();
      return items.map(seenNode);
    },
    async staticPod(name, signal) {
      signal.throwIfAborted();
      const { core } = await connection();
      const found = await core.readNamespacedPod({ name, namespace: NAMESPACE }).catch(unless(404));
      return found === undefined ? undefined : seenStaticPod(found);
    },
    async setTaints(name, seen, next) {
      const { core } = await connection();
      const body = [
        // It holds the whole list: a taint that somebody else set meanwhile is not lost.
        { op: "test", path: "/spec/taints", value: seen.taints.length === 0 ? null : seen.taints },
        { op: "add", path: "/spec/taints", value: next.taints },
        { op: "add", path: annotationPath(NOTE), value: (next.noted ?? []).join(" ") },
      ];
      // A test that fails is answered as an invalid patch.
      return (await core.patchNode({ name, body }).catch(unless(422))) !== undefined;
    },
    async setMark(name, mark, unschedulable) {
      const { core } = await connection();
      const cordon =
        unschedulable === undefined ? [] : [{ op: "add", path: "/spec/unschedulable", value: unschedulable }];
      const value = mark === undefined ? "" : JSON.stringify(mark);
      await core.patchNode({ name, body: [...cordon, { op: "add", path: annotationPath(MARK), value }] });
    },
    async evictable(name, signal) {
      signal.throwIfAborted();
      const { core } = await connection();
      const { items } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${name}` });
      return items.filter(mustLeave).map(({ metadata }) => ({
        namespace: metadata?.namespace ?? "",
        name: metadata?.name ?? "",
        uid: metadata?.uid ?? "",
      }));
    },
    async evict({ namespace, name, uid }) {
      const { core } = await connection();
      const body = { metadata: { name, namespace }, deleteOptions: { preconditions: { uid } } };
      try {
        await core.createNamespacedPodEviction({ name, namespace, body });
        return undefined;
      } catch (error) {
        const status = statusOf(error);
        // Gone already, or another pod has its name by now.
        if (status === 404 || status === 409) return undefined;
        if (status === 429) return "a disruption budget holds it";
        throw error;
      }
    },
    async deleteNode(name) {
      const { core } = await connection();
      await core.deleteNode({ name }).catch(unless(404));
    },
    async lease(name) {
      const { coordination } = await connection();
      const found = await coordination.readNamespacedLease({ name, namespace: NAMESPACE }).catch(unless(404));
      return found === undefined ? undefined : seenLease(found);
    },
    async writeLease(name, holder, seconds, seen) {
      const { coordination, library } = await connection();
      const now = new library.V1MicroTime(Date.now());
      const body: k8s.V1Lease = {
        metadata: { name, namespace: NAMESPACE, ...(seen !== undefined && { resourceVersion: seen.version }) },
        spec: { holderIdentity: holder, leaseDurationSeconds: seconds, renewTime: now },
      };
      const written =
        seen === undefined
          ? coordination.createNamespacedLease({ namespace: NAMESPACE, body })
          : coordination.replaceNamespacedLease({ name, namespace: NAMESPACE, body });
      return (await written.catch(unless(409))) !== undefined;
    },
    async event(act) {
      const { core } = await connection();
      const now = new Date();
      await core.createNamespacedEvent({
        namespace: NAMESPACE,
        body: {
          metadata: { generateName: "plinth-", namespace: NAMESPACE },
          involvedObject: { kind: "Namespace", name: NAMESPACE, namespace: NAMESPACE, apiVersion: "v1" },
          type: "Normal",
          reason: `Plinth${act.act.replace(/(?:^|-)(.)/g, (_, first: string) => first.toUpperCase())}`,
          message: `${act.target}: ${act.detail}`,
          source: { component: "plinth" },
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
        },
      });
    },
  };
  return traced("kubernetes", plainly(driver));
}

/** The client's errors hold whole answers, headers included; what a person needs is the status and its message. */
function plainly<T extends object>(driver: T): T {
  return new Proxy(driver, {
    get(object, name, receiver) {
      const member = Reflect.get(object, name, receiver);
      if (typeof member !== "function") return member;
      return async (...args: readonly unknown[]) => {
        try {
          return await member.apply(object, args);
        } catch (error) {
          const answer = answerSchema.safeParse(error).data;
          if (answer === undefined) throw error;
          throw new Error(`the Kubernetes API answers ${answer.code} to ${String(name)}: ${answer.body}`, {
            cause: error,
          });
        }
      };
    },
  });
}

const statusSchema = z.object({ message: z.string() }).transform(({ message }) => message);
/** An error of the client: `body` is a Status object as text, or whatever stood in between said. */
const answerSchema = z.object({
  code: z.number(),
  body: z.unknown().transform((body) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    try {
      return statusSchema.parse(JSON.parse(text ?? ""));
    } catch {
      return (text ?? "").slice(0, 200);
    }
  }),
});

interface Connection {
  readonly library: typeof k8s;
  readonly core: k8s.CoreV1Api;
  readonly coordination: k8s.CoordinationV1Api;
}

async function connect(kubeconfig: string): Promise<Connection> {
  const library = await import("@kubernetes/client-node");
  const config = new library.KubeConfig();
  config.loadFromString(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("the kubeconfig names no cluster");
  const configuration = library.createConfiguration({
    baseServer: new library.ServerConfiguration(server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: async (request) => {
          request.setSignal(AbortSignal.timeout(CALL_MS));
          return request;
        },
        post: async (response) => response,
      },
    ],
  });
  return {
    library,
    core: new library.CoreV1Api(configuration),
    coordination: new library.CoordinationV1Api(configuration),
  };
}

function annotationPath(name: string): string {
  return `/metadata/annotations/${name.replace("/", "~1")}`;
}

function seenNode(node: k8s.V1Node): KubernetesNode {
  const condition = node.status?.conditions?.find(({ type }) => type === "Ready");
  const mark = parseMark(node.metadata?.annotations?.[MARK]);
  return {
    name: node.metadata?.name ?? "",
    ready: condition?.status === "True",
    reason: condition?.message ?? "it has not reported its condition yet",
    kubelet: node.status?.nodeInfo?.kubeletVersion ?? "",
    bootId: node.status?.nodeInfo?.bootID ?? "",
    addresses: (node.status?.addresses ?? []).filter(({ type }) => type.endsWith("IP")).map(({ address }) => address),
    unschedulable: node.spec?.unschedulable === true,
    ...(mark !== undefined && { mark }),
    taints: (node.spec?.taints ?? []).map(seenTaint),
    noted: node.metadata?.annotations?.[NOTE]?.split(" ").filter((id) => id !== ""),
  };
}

function seenStaticPod({ metadata, status }: k8s.V1Pod): StaticPod {
  const config = metadata?.annotations?.[CONFIG_VERSION];
  const conditionOf = (wanted: string) => status?.conditions?.find(({ type }) => type === wanted);
  // Ready is taken away by the node controller, too, while the Node has no network: of the containers the kubelet speaks.
  const condition = conditionOf("ContainersReady") ?? conditionOf("Ready");
  const container = status?.containerStatuses?.[0];
  const [waiting, ended] = [
    container?.state?.waiting,
    container?.state?.terminated ?? container?.lastState?.terminated,
  ];
  const said = [
    waiting?.message ?? waiting?.reason,
    ended === undefined
      ? undefined
      : `it ended with code ${ended.exitCode}: ${ended.message ?? ended.reason ?? "no word"}`,
    condition?.message,
  ];
  return {
    ...(config !== undefined && { config }),
    ready: condition?.status === "True",
    said: said.filter((part) => part !== undefined && part !== "").join("; ") || "its kubelet does not say why",
    restarts: container?.restartCount ?? 0,
  };
}

function seenTaint({ key, value, effect, timeAdded }: k8s.V1Taint): KubernetesTaint {
  return {
    key,
    ...(value !== undefined && { value }),
    effect,
    // To the second, as the API writes it: a taint is compared with what it was seen as.
    ...(timeAdded !== undefined && { timeAdded: timeAdded.toISOString().replace(/\.\d+Z$/, "Z") }),
  };
}

const markSchema = z.object({
  cordoned: z.boolean(),
  installed: z.object({ image: z.string(), bootId: z.string() }).exactOptional(),
});

/** What somebody else wrote there is no mark of plinth's. */
function parseMark(text: string | undefined): NodeMark | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return markSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** As `kubectl drain` chooses: what a DaemonSet or the machine itself would start again at once is left. */
function mustLeave({ metadata, status }: k8s.V1Pod): boolean {
  const owned = metadata?.ownerReferences?.some(({ kind, controller }) => kind === "DaemonSet" && controller === true);
  const mirror = metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined;
  return !owned && !mirror && status?.phase !== "Succeeded" && status?.phase !== "Failed";
}

function seenLease(lease: k8s.V1Lease): KubernetesLease {
  return {
    holder: lease.spec?.holderIdentity ?? "",
    // Typed as a date, but a time with microseconds arrives as text.
    renewed: new Date(lease.spec?.renewTime ?? 0).getTime(),
    seconds: lease.spec?.leaseDurationSeconds ?? 0,
    version: lease.metadata?.resourceVersion ?? "",
  };
}

/** Lets one HTTP status pass as "no answer". */
function unless(status: number): (error: unknown) => undefined {
  return (error) => {
    if (statusOf(error) === status) return undefined;
    throw error;
  };
}

function statusOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
