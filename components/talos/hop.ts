import { type Contract, findTalosRelease, supports, type TalosRelease } from "./releases";
import { compareMinors, compareVersions, minorDistance, minorOf, parseVersion, type Version } from "./version";

/** Stands for an inventory key in a step that is about the whole cluster. */
export const WHOLE_CLUSTER = "*";

/** What runs on one node. */
export interface NodeVersions {
  /** As `v1.13.0`. */
  readonly talos: string;
  /** Kubernetes version of its kubelet, as `v1.36.3`. */
  readonly kubernetes: string;
}

/** What runs in a cluster, or would after some hops. */
export interface ClusterVersions {
  readonly nodes: Readonly<Record<string, NodeVersions>>;
  /** Contract that the machine configurations are written for. */
  readonly contract: Contract;
}

/** One legal step of a whole cluster; how it is carried out node by node is the executor's. */
export type Hop =
  | {
      readonly axis: "talos";
      readonly from: string;
      readonly to: string;
      /** Nodes that make the step, sorted. */
      readonly nodes: readonly string[];
      /** etcd's data format changes: there is no way back but a snapshot. */
      readonly etcdFormat: boolean;
    }
  | { readonly axis: "kubernetes"; readonly from: string; readonly to: string }
  | { readonly axis: "contract"; readonly from: Contract; readonly to: Contract };

/** The rules a hop obeys; a {@link Block} names the one that stands in the way. */
export type Rule =
  /** A version, or its minor, is not in the release table. */
  | "known-version"
  /** A minor that has to be passed through has no version that may be used. */
  | "available"
  /** Talos and Kubernetes go up one minor at a time. */
  | "one-minor"
  /** A Talos minor is left only from its latest patch. */
  | "latest-patch"
  /** The installer refuses hosts that are too old or too new. */
  | "installer"
  /** Every Talos runs only some Kubernetes minors, after the step as before a Kubernetes step. */
  | "kubernetes-range"
  /** Nodes of one cluster are at most one Talos minor apart. */
  | "talos-skew"
  /** Going back to an older version needs permission, and Kubernetes has no way back over a minor at all. */
  | "downgrade"
  /** etcd cannot read a newer data format. */
  | "etcd-format"
  /** Configurations are written for no newer Talos than the oldest node runs, and change one contract at a time. */
  | "contract";

/** Why a step cannot be made. */
export interface Block {
  readonly rule: Rule;
  readonly axis: Hop["axis"];
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** What decides about a step beside the versions. */
export interface HopOptions {
  /** Whether going back to an older version is permitted. */
  readonly allowDowngrade: boolean;
  /** Newest patch that may be used of a Talos minor; undefined when there is none. */
  readonly latestTalos: (minor: string) => string | undefined;
}

/** The first rule that a step breaks, undefined when it is legal. */
export function blockOf(state: ClusterVersions, hop: Hop, options: HopOptions): Block | undefined {
  switch (hop.axis) {
    case "talos":
      return talosBlock(state, hop, options);
    case "kubernetes":
      return kubernetesBlock(state, hop, options);
    case "contract":
      return contractBlock(state, hop);
  }
}

/** The cluster after a step. */
export function afterHop(state: ClusterVersions, hop: Hop): ClusterVersions {
  if (hop.axis === "contract") return { ...state, contract: hop.to };
  const nodes = Object.entries(state.nodes).map(([key, node]): [string, NodeVersions] => {
    if (hop.axis === "kubernetes") return [key, { ...node, kubernetes: hop.to }];
    return [key, hop.nodes.includes(key) ? { ...node, talos: hop.to } : node];
  });
  return { ...state, nodes: Object.fromEntries(nodes) };
}

/** A step in one line: `Talos v1.13.9 → v1.14.1 on cp-1, cp-2 (changes etcd's data format: no way back but a snapshot)`. */
export function formatHop(hop: Hop): string {
  const step = `${AXES[hop.axis]} ${hop.from} → ${hop.to}`;
  if (hop.axis !== "talos") return step;
  if (hop.from === hop.to) return `another image of Talos ${hop.to} on ${hop.nodes.join(", ")}`;
  const format = hop.etcdFormat ? " (changes etcd's data format: no way back but a snapshot)" : "";
  return `${step} on ${hop.nodes.join(", ")}${format}`;
}

/** What the axes are called in sentences. */
export const AXES = { talos: "Talos", kubernetes: "Kubernetes", contract: "configuration contract" } as const;

/** A version that has been checked before; anything else is a mistake of plinth's. */
export function known(text: string): Version {
  const version = parseVersion(text);
  if (version === undefined) throw new Error(`not a version: ${text}`);
  return version;
}

type TalosHop = Extract<Hop, { axis: "talos" }>;

function talosBlock(state: ClusterVersions, hop: TalosHop, options: HopOptions): Block | undefined {
  const source = findTalosRelease(hop.from);
  const target = findTalosRelease(hop.to);
  const blocked = block(hop, hop.from, hop.to);
  if (source === undefined || target === undefined) {
    return blocked("known-version", "the release table does not know both minors");
  }
  const distance = minorDistance(source.minor, target.minor);
  if (distance === undefined || Math.abs(distance) > 1) {
    return blocked("one-minor", "Talos changes by one minor at a time, each through its own release");
  }
  if (!installs(source, target)) {
    return blocked("installer", `the installer of Talos ${target.minor} refuses hosts that run ${source.minor}`);
  }
  if (compareMinors(target.minor, state.contract.slice(1)) < 0) {
    return blocked("contract", `the configurations are written for contract ${state.contract}, which it does not know`);
  }
  if (compareVersions(known(hop.to), known(hop.from)) < 0) {
    if (!options.allowDowngrade) return blocked("downgrade", "going back to an older Talos needs permission");
    if (etcdMinor(source) !== etcdMinor(target)) {
      return blocked(
        "etcd-format",
        `etcd ${etcdMinor(target)} cannot read what etcd ${etcdMinor(source)} wrote; only a snapshot restores it`,
      );
    }
  } else if (distance === 1) {
    const latest = options.latestTalos(source.minor);
    if (latest !== undefined && compareVersions(known(hop.from), known(latest)) < 0) {
      return blocked("latest-patch", `Talos ${source.minor} is left from its latest patch, ${latest}`);
    }
  }
  const after = afterHop(state, hop);
  return (
    rangeBlock(
      blocked,
      hop.nodes.map((key) => after.nodes[key]),
      "after",
    ) ?? skewBlock(blocked, after)
  );
}

function kubernetesBlock(
  state: ClusterVersions,
  hop: Extract<Hop, { axis: "kubernetes" }>,
  options: HopOptions,
): Block | undefined {
  const blocked = block(hop, hop.from, hop.to);
  const nodes = Object.values(state.nodes);
  for (const { kubernetes } of nodes) {
    const [now, then] = [known(kubernetes), known(hop.to)];
    const distance = minorDistance(minorOf(now), minorOf(then));
    if (distance === undefined || distance > 1) {
      return blocked("one-minor", `Kubernetes goes up one minor at a time, and a node runs ${kubernetes}`);
    }
    if (distance < 0) return blocked("downgrade", "Kubernetes has no way back over a minor but a snapshot");
    if (compareVersions(then, now) < 0 && !options.allowDowngrade) {
      return blocked("downgrade", "going back to an older Kubernetes patch needs permission");
    }
  }
  // A node whose Kubernetes is outside its Talos' range refuses every new configuration, so the step could not even begin.
  return (
    rangeBlock(blocked, nodes, "before") ?? rangeBlock(blocked, Object.values(afterHop(state, hop).nodes), "after")
  );
}

function contractBlock(state: ClusterVersions, hop: Extract<Hop, { axis: "contract" }>): Block | undefined {
  const blocked = block(hop, hop.from, hop.to);
  const distance = minorDistance(hop.from.slice(1), hop.to.slice(1));
  if (distance === undefined || distance < 0) {
    return blocked("contract", "a configuration is never written back for an older contract");
  }
  if (distance !== 1) return blocked("contract", "contracts change one at a time");
  for (const [key, node] of Object.entries(state.nodes)) {
    const lead = minorDistance(minorOf(known(node.talos)), hop.to.slice(1));
    if (lead === undefined || lead > 0) {
      return blocked("contract", `node ${key} runs Talos ${node.talos}, which does not know contract ${hop.to}`);
    }
  }
  return undefined;
}

type Blocked = (rule: Rule, reason: string) => Block;

function block(hop: Hop, from: string, to: string): Blocked {
  return (rule, reason) => ({ rule, axis: hop.axis, from, to, reason });
}

function rangeBlock(
  blocked: Blocked,
  nodes: readonly (NodeVersions | undefined)[],
  when: "before" | "after",
): Block | undefined {
  const misfit = nodes.find((node) => node !== undefined && !supports(node.talos, node.kubernetes));
  const release = misfit === undefined ? undefined : findTalosRelease(misfit.talos);
  if (misfit === undefined || release === undefined) return undefined;
  const { min, max } = release.kubernetes;
  const runs = `Talos ${misfit.talos} runs Kubernetes ${min} to ${max}`;
  return blocked(
    "kubernetes-range",
    when === "before"
      ? `${runs}, but a node has ${misfit.kubernetes} now: it refuses every new configuration`
      : `${runs}, not ${misfit.kubernetes}`,
  );
}

function skewBlock(blocked: Blocked, state: ClusterVersions): Block | undefined {
  const versions = Object.values(state.nodes).map((node) => known(node.talos));
  const [oldest, newest] = [versions.reduce(older), versions.reduce(newer)];
  const distance = minorDistance(minorOf(oldest), minorOf(newest));
  if (distance !== undefined && distance <= 1) return undefined;
  return blocked("talos-skew", `nodes would be more than one minor apart (${minorOf(oldest)} and ${minorOf(newest)})`);
}

function installs(source: TalosRelease, target: TalosRelease): boolean {
  const above = minorDistance(target.upgradableFrom, source.minor) ?? -1;
  const below = minorDistance(source.minor, target.downgradableBelow) ?? 0;
  return above >= 0 && below > 0;
}

/** `3.6`: etcd's data format goes with its minor. */
export function etcdMinor(release: TalosRelease): string {
  return minorOf(known(release.etcd.latest));
}

/** Whether etcd writes another data format under the one Talos than under the other. */
export function changesEtcdFormat(from: string, to: string): boolean {
  const [source, target] = [findTalosRelease(from), findTalosRelease(to)];
  return source !== undefined && target !== undefined && etcdMinor(source) !== etcdMinor(target);
}

function older(a: Version, b: Version): Version {
  return compareVersions(a, b) <= 0 ? a : b;
}

function newer(a: Version, b: Version): Version {
  return compareVersions(a, b) >= 0 ? a : b;
}
