/** The check that a cluster makes by itself: the licence against the nodes that are truly there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { keyRing } from "../../components/licensing/keys";
import { RELEASED } from "../../components/licensing/released";
import type { Feature } from "../../components/licensing/tiers";
import type { Use } from "../../components/licensing/use";
import { type Mark, type Verdict, verifyLicence } from "../../components/licensing/verdict";
import type { KubernetesObject, Objects } from "../../provider/kubernetes/ports";
import { readKeys } from "./keys";
import { metricsText } from "./metrics";
import { readText } from "./options";

const NAMESPACE = "plinth-system";
const STATUS = { apiVersion: "v1", kind: "ConfigMap", namespace: NAMESPACE, name: "licence-status" };
const CONTROL_PLANE = "node-role.kubernetes.io/control-plane";
/** More nodes than any cluster has. */
const MOST_NODES = 10_000;

const node = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }),
  status: z.object({
    capacity: z.record(z.string(), z.string()).default({}),
    nodeInfo: z.object({ systemUUID: z.string().default("") }).default({ systemUUID: "" }),
  }),
});
const devicesFile = z.object({ wwids: z.array(z.string()).default([]) });
const markText = z.object({
  id: z.string(),
  sequence: z.int(),
  issued: z.string(),
  time: z.string(),
  revocations: z.int(),
}) satisfies z.ZodType<Mark>;

/** What was found, and as what monitoring sees it. */
export interface Finding {
  readonly verdict: Verdict;
  readonly use: Use;
  /** In Prometheus' text form. */
  readonly metrics: string;
}

/**
 * Judges the licence of a folder (as the Secret `licence` is mounted) by the nodes of the cluster, and writes what was
 * found to the ConfigMap `licence-status`; an Event tells of a verdict that changed. It touches nothing else.
 */
export async function checkInside(api: Objects, folder: string, now: Date, signal: AbortSignal): Promise<Finding> {
  const nodes = (await api.list({ apiVersion: "v1", kind: "Node" }, MOST_NODES, signal)).map((each) =>
    node.parse(each),
  );
  const use = useOf(nodes);
  const before = (await api.get(STATUS, signal))?.data as Readonly<Record<string, string>> | undefined;
  const mark = markText.safeParse(json(before?.mark ?? "")).data;
  const list = join(folder, "revocations.jws");
  const declared = join(folder, "devices.json");
  const { wwids } = devicesFile.parse(existsSync(declared) ? json(readFileSync(declared, "utf8")) : {});
  const verdict = verifyLicence(readText(join(folder, "licence.jws")), {
    keys: keyRing(readKeys(join(folder, "keys.json"))),
    now,
    released: new Date(RELEASED),
    use,
    devices: { uuids: nodes.map(({ status }) => status.nodeInfo.systemUUID), wwids },
    ...(existsSync(list) && { revocations: readText(list) }),
    ...(mark !== undefined && { mark }),
  });
  const metrics = metricsText(verdict, use, now);
  const next = verdict.mark ?? mark;
  await api.apply(
    {
      ...objectOf(STATUS.kind, STATUS.name),
      data: {
        verdict: verdict.state,
        reason: verdict.reason,
        fix: verdict.fix,
        checked: now.toISOString(),
        ...(next !== undefined && { mark: JSON.stringify(next) }),
        metrics,
      },
    },
    signal,
  );
  if (before?.verdict !== verdict.state) await api.apply(eventOf(verdict, now), signal);
  return { verdict, use, metrics };
}

function useOf(nodes: readonly z.output<typeof node>[]): Use {
  const gpus = nodes.reduce((sum, { status, metadata }) => sum + gpusOf(status.capacity, metadata.labels), 0);
  const controlPlanes = nodes.filter(({ metadata }) => Object.hasOwn(metadata.labels, CONTROL_PLANE)).length;
  const features: Feature[] = [
    ...(nodes.length > 1 ? (["multi-node"] as const) : []),
    ...(controlPlanes >= 3 ? (["high-availability"] as const) : []),
    ...(gpus > 0 ? (["gpu"] as const) : []),
  ];
  // A cluster knows of itself alone.
  return { sites: 1, nodes: nodes.length, gpus, features };
}

/** As device plugins name them: NVIDIA's, AMD's and others' …/gpu, Intel's by its drivers. */
const GPU = /\/gpu$|^nvidia\.com\/gpu\.shared$|^gpu\.intel\.com\/(?:i915|xe)$/;
const NVIDIA = /^nvidia\.com\/(?:gpu(?:\.shared)?|mig-.+)$/;
/** NVIDIA's feature discovery says here how many there are, however many are handed out. */
const NVIDIA_COUNT = "nvidia.com/gpu.count";

/**
 * GPUs of a node. One that is shared in time counts as often as it is handed out unless a label tells how many there
 * are; parts of GPUs (MIG) count as one GPU of the node at least.
 */
function gpusOf(capacity: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): number {
  const sum = (names: (name: string) => boolean) =>
    Object.entries(capacity).reduce(
      (total, [name, amount]) => (names(name) ? total + (Number(amount) || 0) : total),
      0,
    );
  const [parts, whole] = [sum((name) => NVIDIA.test(name)), sum((name) => NVIDIA.test(name) && GPU.test(name))];
  const told = Number(labels[NVIDIA_COUNT] ?? 0);
  const nvidia = parts === 0 ? 0 : told > 0 ? told : Math.max(whole, 1);
  return nvidia + sum((name) => GPU.test(name) && !NVIDIA.test(name));
}

function eventOf({ state, reason, fix, entitled }: Verdict, now: Date): KubernetesObject {
  const time = now.toISOString().replace(/\.\d+/, "");
  return {
    ...objectOf("Event", `licence.${now.getTime().toString(16)}`),
    involvedObject: STATUS,
    type: entitled ? "Normal" : "Warning",
    reason: `Licence${state.replace(/(?:^|-)(.)/g, (_, first: string) => first.toUpperCase())}`,
    message: fix === "" ? reason : `${reason} (${fix})`,
    source: { component: "plinth" },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}

function objectOf(kind: string, name: string): KubernetesObject {
  return { apiVersion: "v1", kind, metadata: { name, namespace: NAMESPACE } };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
