/** Who changes, in which order. Pure: the same plan speaks at preview and leads the update. */
import type { ClusterReleaseInputs, ClusterReleaseOutputs, NodeRelease } from "../../components/talos/ClusterRelease";
import type { EtcdStatus } from "../talosctl/talos";
import { declaredPatches } from "./drift";
import { pushFingerprint } from "./yaml";

/** Nodes of one kind that change one after the other. Control planes and workers are never in one wave. */
interface Wave {
  readonly type: NodeRelease["type"];
  readonly keys: readonly string[];
}

export interface Plan {
  readonly waves: readonly Wave[];
}

/** Configuration of the node's role, before its patches. */
export function roleConfiguration(inputs: ClusterReleaseInputs, node: NodeRelease): string {
  const text = node.type === "controlplane" ? inputs.configuration.controlplane : inputs.configuration.worker;
  if (text === undefined) throw new Error(`there is no machine configuration of role ${node.type}`);
  return text;
}

/** Every declared patch of a node in the order they are applied, those that hold secrets last. */
export function patchesOf(inputs: ClusterReleaseInputs, key: string): readonly string[] {
  const node = inputs.nodes[key];
  return node === undefined ? [] : [...declaredPatches(node), ...(inputs.secretPatches?.[key] ?? [])];
}

/** What is pushed to the node, as one fingerprint. */
export function pushOf(inputs: ClusterReleaseInputs, key: string, node: NodeRelease): string {
  return pushFingerprint(roleConfiguration(inputs, node), patchesOf(inputs, key));
}

/** Whether a node has to be looked at: new, other inputs than pushed last, or changed by someone else. */
function needsWork(
  inputs: ClusterReleaseInputs,
  key: string,
  node: NodeRelease,
  running: ClusterReleaseOutputs["running"][string] | undefined,
): boolean {
  return (
    running === undefined ||
    running.wiped === true ||
    running.pushed !== pushOf(inputs, key, node) ||
    running.running !== running.confirmed
  );
}

/** Control planes first, then workers by failure domain; `leader` is the key of etcd's leader, which goes last. */
export function plan(
  inputs: ClusterReleaseInputs,
  running: ClusterReleaseOutputs["running"],
  leader: string | undefined,
): Plan {
  const keys = Object.keys(inputs.nodes).sort();
  const work = (type: NodeRelease["type"]): string[] =>
    keys.filter((key) => {
      const node = inputs.nodes[key];
      return node?.type === type && needsWork(inputs, key, node, running[key]);
    });
  const waves: readonly Wave[] = [
    { type: "controlplane", keys: leaderLast(work("controlplane"), leader) },
    { type: "worker", keys: workerWaves(inputs, work("worker"), 1).flat() },
  ];
  return {
    waves: waves.filter((wave) => wave.keys.length > 0),
  };
}

/** Workers that may change at the same time: never of two failure domains, never more than `atOnce`. */
export function workerWaves(
  inputs: ClusterReleaseInputs,
  keys: readonly string[],
  atOnce: number,
): readonly (readonly string[])[] {
  const domain = (key: string): string => inputs.nodes[key]?.failureDomain ?? key;
  const waves: string[][] = [];
  for (const key of [...keys].sort((a, b) => compare(domain(a), domain(b)) || compare(a, b))) {
    const last = waves.at(-1);
    if (last !== undefined && last.length < atOnce && domain(last[0] ?? "") === domain(key)) last.push(key);
    else waves.push([key]);
  }
  return waves;
}

export function leaderLast(keys: readonly string[], leader: string | undefined): readonly string[] {
  if (leader === undefined || !keys.includes(leader)) return keys;
  return [...keys.filter((key) => key !== leader), leader];
}

/** Key of the control plane whose etcd member leads, as the members themselves see it. */
export function leaderOf(statuses: ReadonlyMap<string, EtcdStatus>): string | undefined {
  return [...statuses].find(([, status]) => status.member === status.leader)?.[0];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
