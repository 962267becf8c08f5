/**
 * Carries a plan out, one node after the other, and stops at the first node that fails. Every action is a function
 * in one table, so that a node's steps are a list of names.
 */
import type { NodeRelease, NodeRunning, ReleaseStep } from "../../components/talos/ClusterRelease";
import { configImpact, type NodeImpact } from "../../components/talos/impact";
import { findTalosRelease } from "../../components/talos/releases";
import { sentence } from "../host/failure";
import type { KubernetesNode } from "../kubernetes/kubernetes";
import { checkpoint, eachBounded } from "../wait";
import { isAway, serverGate } from "./apiserver";
import { type Cluster, PARALLEL } from "./cluster";
import { etcdGate, handOnLeadership, isReady, readyGate } from "./gate";
import { leaderOf, type Plan, patchesOf, pushOf, roleConfiguration } from "./plan";
import type { Progress } from "./progress";

import { registeredTaints, wantedTaints } from "./taints";
import { turn } from "./turn";
import { changedPaths, fingerprint, kubeletVersion } from "./yaml";

/** One node on its way: what its actions hand to each other. */
interface Errand {
  readonly cluster: Cluster;
  readonly key: string;
  /** Talos version that ran when last looked at. */
  version: string;
  /** Kubernetes version that its configuration names. */
  readonly kubernetes?: string;
  readonly desired: string;
  /** What the node runs at the start. */
  readonly before: string;
  /** Whether its etcd member led at the last gate. */
  leads?: boolean;
  wasReady?: boolean;
  bootId?: string;
  reboots?: boolean;
}

/** What was done, in a few words; `undefined` if there was nothing to do. */
type Action = (errand: Errand) => Promise<string | undefined>;

const actions = {
  async gate(errand) {
    const { cluster, key } = errand;
    errand.leads = leaderOf(await etcdGate(cluster, `around the change of ${key}`)) === key;
    return "etcd is whole";
  },
  // A leader that just goes leaves etcd without writes until the others have noticed.
  async forfeit(errand) {
    const { cluster, key } = errand;
    if (!errand.leads || cluster.controlPlanes.length === 1 || !mayReboot(errand)) return undefined;
    return handOnLeadership(cluster, key);
  },
  async apply(errand) {
    const { cluster, key, desired, before } = errand;
    const paths = changedPaths(before, desired).join(", ");
    const { address } = cluster.node(key);
    await cluster.audit("configure", key, `changes ${paths}`);
    errand.bootId = await cluster.talos.bootId(address, cluster.signal);
    errand.reboots = (await cluster.talos.apply(address, desired)).reboots;
    return paths;
  },
  async verify(errand) {
    const { cluster, key, desired } = errand;
    const { address } = cluster.node(key);
    if (errand.reboots) {
      await cluster.wait(`${key} rebooted`, cluster.readySeconds, async () => {
        const now = await cluster.talos.bootId(address, cluster.signal);
        return now === errand.bootId ? { missing: "it has not rebooted yet" } : { done: now };
      });
      await sameSlot(errand);
    }
    await cluster.wait(`${key} runs the new configuration`, cluster.readySeconds, async () => {
      const runs = fingerprint(await cluster.talos.configuration(address, cluster.signal));
      return runs === fingerprint(desired) ? { done: runs } : { missing: "it still runs another configuration" };
    });
    // It may be Ready through the server of another machine, which the same change would reach next.
    await serverGate(cluster, key);
    const node = await readyGate(cluster, key, {
      strict: errand.wasReady === true,
      ...(errand.reboots && errand.bootId !== undefined && { endedBoot: errand.bootId }),
    });
    await taint(errand, node);
    return errand.reboots ? "rebooted, configured and Ready" : "configured and Ready";
  },
} satisfies { readonly [name in ReleaseStep["action"]]?: Action };

/**
 * A configuration change boots the slot that ran before. Another version means that the boot loader took the other slot:
 * an image that was installed and waited there, or the one before, because this one failed to boot. The nodes after it
 * would meet the same.
 */
async function sameSlot(errand: Errand): Promise<void> {
  const { cluster, key, version: before } = errand;
  const { address, talos: declared } = cluster.node(key);
  errand.version = await cluster.wait(`${key} tells its version`, cluster.readySeconds, async () => ({
    done: await cluster.talos.version(address, cluster.signal),
  }));
  if (errand.version === before || errand.version === declared) return;
  throw new Error(
    `it came back with Talos ${errand.version}, before the reboot it ran ${before}: it booted its other slot; read why on its console (talosctl dmesg), then install Talos ${declared} on it`,
  );
}

/** Steps of a configuration change. */
const CONFIGURE: { readonly [type in NodeRelease["type"]]: readonly (keyof typeof actions)[] } = {
  controlplane: ["gate", "forfeit", "apply", "verify", "gate"],
  worker: ["apply", "verify"],
};

/** What was found on the nodes that a plan is about. */
export type Survey = ReadonlyMap<string, Errand>;

/**
 * Waits until each node answers with the cluster's own certificate, then reads what it runs and renders what it shall
 * run. Changes nothing, so it happens at several nodes at once. A worker that cannot be looked at is left out and told in
 * `absent`, one sentence each: nothing depends on it. With a control plane missing no node is changed at all: etcd may
 * have no member to spare.
 */
export async function survey(
  cluster: Cluster,
  keys: readonly string[],
): Promise<{ readonly found: Survey; readonly absent: readonly string[] }> {
  cluster.context.log.progress(`reads what runs on ${keys.length} nodes`);
  const found = new Map<string, Errand>();
  const absent = new Map<string, string>();
  await eachBounded(keys, PARALLEL, async (key) => {
    try {
      found.set(key, await look(cluster, key));
    } catch (error) {
      checkpoint(cluster.signal);
      absent.set(key, sentence(error));
    }
  });
  const missing = [...absent].sort(([a], [b]) => (a < b ? -1 : 1));
  const planes = missing.flatMap(([key]) => (cluster.node(key).type === "controlplane" ? [key] : [])).join(", ");
  if (planes !== "") {
    const why = missing.map(([, reason]) => reason).join("; ");
    throw new Error(
      `${why}; nothing was changed, and no node is while ${planes} is missing; bring it back, then run the update again`,
    );
  }
  return { found, absent: missing.map(([key, why]) => `${why}; ${leftOut(key)}`) };
}

function leftOut(key: string): string {
  return `${key} was left out; bring it back, or take it out of the site file, then run the update again`;
}

async function look(cluster: Cluster, key: string): Promise<Errand> {
  const node = cluster.node(key);
  const { talos, signal } = cluster;
  const version = await cluster.wait(`${key} answers`, cluster.readySeconds, async () => ({
    done: await talos.version(node.address, signal),
  }));
  const [desired, before] = await named(key, () =>
    Promise.all([
      talos.render(roleConfiguration(cluster.inputs, node), patchesOf(cluster.inputs, key), signal),
      talos.configuration(node.address, signal),
    ]),
  );
  const kubernetes = kubeletVersion(before);
  return { cluster, key, version, ...(kubernetes !== undefined && { kubernetes }), desired, before };
}

/** What it does to nodes to undo what others changed on them: no preview has compared that. */
export function driftImpacts(found: Survey, { running }: Progress): Readonly<Record<string, NodeImpact>> {
  return Object.fromEntries(
    [...found.values()].filter(differs).flatMap(({ cluster, key, before, desired, version }) => {
      const seen = running[key];
      const release = findTalosRelease(version);
      if (release === undefined || seen === undefined || seen.running === seen.confirmed) return [];
      return [[key, { type: cluster.node(key).type, impacts: configImpact(before, desired, release.latest) }]];
    }),
  );
}

/**
 * Machines that ran before plinth and are seen for the first time stay as they are: what differs is noted, so that the
 * next preview shows it as a change, and nothing is done that no preview has shown.
 */
export async function takeNote(cluster: Cluster, found: Survey, progress: Progress): Promise<Survey> {
  const due = new Map(found);
  for (const errand of found.values()) {
    const { key, before, desired } = errand;
    if (cluster.node(key).adopted !== true || progress.running[key] !== undefined || !differs(errand)) continue;
    const drift = changedPaths(desired, before);
    progress.running[key] = { ...(await seen(errand)), running: fingerprint(before), drift };
    progress.note(key, "adopt", "done", `stays as it runs; otherwise than declared at ${drift.join(", ")}`);
    cluster.context.log.warn(
      `${key} runs otherwise than declared at ${drift.join(", ")}: the next preview shows the change`,
    );
    due.delete(key);
  }
  return due;
}

/** Whether the node runs anything else than what is declared. */
export function differs({ before, desired }: Errand): boolean {
  return fingerprint(before) !== fingerprint(desired);
}

/** Whether the node may reboot by itself when the change is applied. A Talos that plinth does not know may. */
function mayReboot({ before, desired, version }: Errand): boolean {
  const release = findTalosRelease(version);
  return release === undefined || configImpact(before, desired, release.latest).some(({ reboots }) => reboots);
}

/** Returns what failed: nothing, or one sentence that says what was done, what was not, and how to go on. */
export async function execute(found: Survey, plan: Plan, progress: Progress): Promise<readonly string[]> {
  const errands = plan.waves.flatMap((wave) => wave.keys.flatMap((key) => found.get(key) ?? []));
  const done: string[] = [];
  try {
    await eachBounded(
      errands.filter((errand) => !differs(errand)),
      PARALLEL,
      async (errand) => {
        await named(errand.key, () => adopt(errand, progress));
        done.push(errand.key);
      },
    );
    const due = await deadFirst(errands.filter(differs));
    for (const [place, errand] of due.entries()) {
      checkpoint(errand.cluster.signal);
      errand.cluster.context.log.progress(`${errand.key} (${place + 1} of ${due.length})`);
      await named(errand.key, () => configure(errand, progress));
      done.push(errand.key);
    }
    return [];
  } catch (error) {
    const failed = error instanceof NodeFailure ? error.key : undefined;
    const keys = errands.map(({ key }) => key);
    const left = keys.filter((key) => key !== failed && !done.includes(key));
    return [
      [
        sentence(error),
        done.length > 0 ? `done: ${keys.filter((key) => done.includes(key)).join(", ")}` : "nothing else was changed",
        ...(left.length > 0 ? [`not done: ${left.join(", ")}`] : []),
        "run the update again to go on",
      ].join("; "),
    ];
  }
}

/**
 * A control plane whose own API server is down has none to lose, and may be what keeps the cluster's address from
 * answering: it is mended before any other loses its own.
 */
async function deadFirst(due: readonly Errand[]): Promise<readonly Errand[]> {
  const planes = due.filter(({ cluster, key }) => cluster.node(key).type === "controlplane");
  if (planes.length < 2) return due;
  const dead = new Set<Errand>();
  await eachBounded(planes, PARALLEL, async (errand) => {
    if (await isAway(errand.cluster, errand.key)) dead.add(errand);
  });
  return [...due.filter((errand) => dead.has(errand)), ...due.filter((errand) => !dead.has(errand))];
}

/** An error that says which node it is about. */
class NodeFailure extends Error {
  constructor(
    readonly key: string,
    cause: unknown,
  ) {
    super(`${key}: ${sentence(cause)}`);
    this.name = "NodeFailure";
  }
}

async function named<T>(key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new NodeFailure(key, error);
  }
}

/** Takes note of a node that runs what is declared, once it is Ready. */
async function adopt(errand: Errand, progress: Progress): Promise<void> {
  // A run that stopped here, or was killed, may have left it with a server that does not come up.
  await serverGate(errand.cluster, errand.key);
  await taint(errand, await readyGate(errand.cluster, errand.key, { strict: false }));
  progress.running[errand.key] = await seen(errand);
  progress.note(errand.key, "adopt", "done", "it runs what is declared");
}

async function configure(errand: Errand, progress: Progress): Promise<void> {
  const { cluster, key } = errand;
  errand.wasReady = await isReady(cluster, key);
  // Until it is seen to run what is pushed now, nobody may take it for what it was: it is looked at by the next run too,
  // also if that sets the change back.
  const record = progress.running[key];
  if (record !== undefined) progress.running[key] = { ...record, pushed: "" };
  for (const step of CONFIGURE[cluster.node(key).type]) {
    checkpoint(cluster.signal);
    try {
      const detail = await turn(cluster, key, step, () => actions[step](errand));
      if (detail !== undefined) progress.note(key, step, "done", detail);
    } catch (error) {
      progress.note(key, step, "failed", cluster.context.redact(sentence(error)));
      throw error;
    }
  }
  progress.running[key] = await seen(errand);
}

/** Brings a worker's taints to what is declared: the worker itself may not change them. */
async function taint({ cluster, key, before, desired }: Errand, node: KubernetesNode): Promise<void> {
  if (cluster.node(key).type !== "worker") return;
  let current = node;
  let told = false;
  await cluster.wait(`taints of ${key}`, cluster.readySeconds, async () => {
    const next = wantedTaints(current, registeredTaints(before), registeredTaints(desired));
    if (next === undefined) return { done: true };
    if (!told) await cluster.audit("configure", key, "changes the taints of its Node");
    told = true;
    if (await cluster.kubernetes.setTaints(node.name, current, next)) return { done: true };
    const nodes = await cluster.kubernetes.nodes(cluster.signal);
    current = nodes.find(({ name }) => name === node.name) ?? current;
    return { missing: "somebody else changes them too" };
  });
}

/** What runs on a node that is Ready with its declared configuration and kubelet. */
async function seen({ cluster, key, version, desired }: Errand): Promise<NodeRunning> {
  const node = cluster.node(key);
  const { talos, signal } = cluster;
  const schematic = await talos.schematic(node.address, signal);
  const confirmed = fingerprint(desired);
  return {
    talos: version,
    kubernetes: node.kubernetes,
    ...(schematic !== undefined && { schematic }),
    pushed: pushOf(cluster.inputs, key, node),
    confirmed,
    running: confirmed,
    ...(node.generation !== undefined && { generation: node.generation }),
    drift: [],
  };
}
