/** Puts a snapshot in the place of a cluster's etcd. Everything that can be refused is refused before the first wipe. */
import { closeSync } from "node:fs";
import type { Manifest } from "../../components/backup/snapshot";
import { type Problem, refuse } from "../../components/problem";
import { sentence } from "../host/failure";
import { type Endpoint, pem } from "../kubernetes/endpoint";
import { documents } from "../talos/yaml";
import { type Talos, TalosError } from "../talosctl/talos";
import { checkpoint, type Look, waitFor } from "../wait";
import { fetchSnapshot, type Keys } from "./fetch";
import { identityOf } from "./identity";
import type { Store } from "./store";
import type { SnapshotContext } from "./take";

export interface RestoreInputs {
  readonly manifest: Manifest;
  readonly store: Store;
  readonly keys: Keys;
  /** Addresses of all control planes; etcd begins on the first. */
  readonly controlPlanes: readonly string[];
  /** Sees whether the Kubernetes API answers at last. */
  readonly endpoint: Endpoint;
  /** Wipe an etcd that runs. @default false: that is refused */
  readonly evenIfRunning?: boolean;
  /** Pause between two looks, in milliseconds. @default 1000 */
  readonly pollMs?: number;
}

/** What a restore will do; nothing of it has begun. */
export interface RestorePlan {
  /** Sentences for the person who decides. */
  readonly lines: readonly string[];
  carryOut(): Promise<void>;
  /** Lets go of the opened snapshot. */
  close(): void;
}

/** Longest waits in seconds: for a machine that wipes and boots, for etcd and the API to come up. */
const BOOT = 900;
const UP = 600;

/**
 * Opens and checks the snapshot, looks at every control plane, and says what would be lost. The caller asks a person,
 * then carries it out, and closes it either way.
 */
export async function planRestore(inputs: RestoreInputs, talos: Talos, context: SnapshotContext): Promise<RestorePlan> {
  const { manifest, controlPlanes, store, keys } = inputs;
  const { signal } = context;
  const seen = await Promise.all(controlPlanes.map((address) => look(address, manifest, talos, signal)));
  const problems = seen.flatMap(({ problems: found }) => found);
  const running = seen.filter(({ etcd }) => etcd).map(({ address }) => address);
  if (running.length > 0 && inputs.evenIfRunning !== true) {
    problems.push({
      path: running.join(", "),
      reason: "etcd runs there, and a restore would throw away what it holds",
      fix: "if it has to go, add --even-if-running; otherwise there is nothing to restore",
    });
  }
  refuse("Nothing was changed; a restore is refused:", problems);
  const file = await fetchSnapshot(store, manifest, keys, signal);
  return {
    lines: summary(manifest, seen),
    carryOut: () => carryOut(inputs, seen, file, talos, context),
    close: () => closeSync(file),
  };
}

interface Seen {
  readonly address: string;
  /** Whether its etcd answers. */
  readonly etcd: boolean;
  readonly labels: readonly string[];
  readonly api?: { readonly url: string; readonly ca: string };
  readonly problems: readonly Problem[];
}

async function look(address: string, manifest: Manifest, talos: Talos, signal: AbortSignal): Promise<Seen> {
  let configuration: string;
  try {
    configuration = await talos.configuration(address, signal);
  } catch (error) {
    signal.throwIfAborted();
    const fix = "every control plane has to answer: power it on, or apply its configuration first";
    return { address, etcd: false, labels: [], problems: [{ path: address, reason: sentence(error), fix }] };
  }
  const { cluster, api } = identityOf(configuration);
  const problems: readonly Problem[] =
    cluster.id === manifest.cluster.id
      ? []
      : [
          {
            path: address,
            reason: `belongs to another cluster than ${manifest.name} was taken of`,
            fix: "choose a snapshot of this cluster: plinth etcd list",
          },
        ];
  const etcd = await runs(address, talos, signal);
  return { address, etcd, labels: volumesOf(configuration), problems, ...(api !== undefined && { api }) };
}

/** An etcd without a leader cannot be asked for anything and counts as lost. */
async function runs(address: string, talos: Talos, signal: AbortSignal): Promise<boolean> {
  try {
    return !/^0*$/.test((await talos.etcdStatus(address, signal)).leader);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TalosError) return false;
    throw error;
  }
}

/** Partitions that hold etcd's data: EPHEMERAL, or from Talos 1.14 on a volume of its own where one is configured. */
export function volumesOf(configuration: string): readonly string[] {
  const own = documents(configuration).some((document) => {
    const { kind, name } = (document ?? {}) as { readonly kind?: unknown; readonly name?: unknown };
    return kind === "VolumeConfig" && name === "ETCD";
  });
  return own ? ["ETCD"] : ["EPHEMERAL"];
}

function summary(manifest: Manifest, seen: readonly Seen[]): readonly string[] {
  const age = Math.max(0, Date.now() - Date.parse(manifest.at));
  const hours = Math.floor(age / 3_600_000);
  const minutes = Math.floor((age % 3_600_000) / 60_000);
  return [
    `${manifest.name}: taken ${manifest.at}, ${hours} h ${minutes} min ago, revision ${manifest.revision}, ${manifest.keys} keys, Kubernetes ${manifest.kubernetes ?? "unknown"}`,
    `Lost: everything written to Kubernetes since then, and what ${seen.map(({ address, labels }) => `${address} (${labels.join(", ")})`).join(", ")} holds: etcd, logs, loaded images, host paths.`,
    "Kept: every machine's configuration and Talos version, the cluster's keys and certificates, workers and their disks, volumes outside of control planes, this and every other snapshot.",
    "Pods that were made since then are ended, those that were removed since then come back.",
  ];
}

async function carryOut(
  { controlPlanes, manifest, endpoint, pollMs = 1000 }: RestoreInputs,
  seen: readonly Seen[],
  file: number,
  talos: Talos,
  context: SnapshotContext,
): Promise<void> {
  const { signal, log, audit } = context;
  const { name } = manifest.cluster;
  const wait = <T>(what: string, seconds: number, attempt: () => Promise<Look<T>>): Promise<T> =>
    waitFor({ what, seconds, intervalMs: pollMs, signal, progress: log.progress }, async () => {
      try {
        return await attempt();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof TalosError && ["foreign", "tool", "maintenance"].includes(error.kind)) throw error;
        return { missing: sentence(error) };
      }
    });

  for (const { address, labels } of seen) {
    checkpoint(signal);
    await audit({ act: "wipe", target: `${name}/${address}`, detail: `wipes ${labels.join(", ")} for a restore` });
    const boot = await talos.bootId(address, signal);
    await talos.wipe(address, labels);
    log.info(`${address}: wiped ${labels.join(", ")}, boots`);
    await wait(`${address} booted`, BOOT, async () =>
      (await talos.bootId(address, signal)) === boot ? { missing: "it has not rebooted yet" } : { done: true },
    );
  }
  for (const address of controlPlanes) {
    await wait(`${address} waits for etcd`, BOOT, async () => {
      const state = await talos.etcdState(address, signal);
      return state === "Running" ? { missing: "etcd runs, on what should be wiped" } : { done: true };
    });
  }
  checkpoint(signal);
  const first = controlPlanes[0] ?? "";
  await audit({ act: "restore", target: name, detail: `starts etcd on ${first} from ${manifest.name}` });
  await wait(`etcd from ${manifest.name}`, UP, async () => {
    try {
      await talos.recover(first, file);
    } catch (error) {
      // The disk was empty a moment ago: an earlier attempt was heard and only its answer was lost.
      if (!(error instanceof TalosError && error.kind === "exists")) throw error;
    }
    return { done: true };
  });
  log.info(`${first}: etcd starts from revision ${manifest.revision}`);
  await wait("every control plane is a member of etcd", UP, async () => {
    const members = await talos.etcdMembers(first, signal);
    const ready = members.filter(({ learner, hostname }) => !learner && hostname !== "").length;
    if (members.length !== controlPlanes.length || ready !== members.length) {
      return { missing: `${ready} of ${controlPlanes.length} are` };
    }
    for (const address of controlPlanes) await talos.etcdStatus(address, signal);
    return { done: true };
  });
  const api = seen.find((each) => each.api !== undefined)?.api;
  if (api === undefined) return log.info("etcd is whole; its machines do not tell where the Kubernetes API is");
  await wait("the Kubernetes API answers", UP, async () => {
    const { state, said } = await endpoint.look(api.url, pem(api.ca), signal);
    return state === "ready" ? { done: true } : { missing: said };
  });
  log.info("etcd is whole and the Kubernetes API answers");
}
