import type { Problem } from "../problem";
import {
  AXES,
  afterHop,
  type Block,
  blockOf,
  type ClusterVersions,
  changesEtcdFormat,
  type Hop,
  type HopOptions,
  known,
} from "./hop";
import {
  CONTRACTS,
  type Contract,
  findTalosRelease,
  KUBERNETES_LATEST,
  kubernetesProblems,
  releaseOfMinor,
  talosProblems,
} from "./releases";
import { compareMinors, compareVersions, minorDistance, minorOf, normaliseVersion, parseVersion } from "./version";

/** Where a cluster shall get. */
export interface WantedVersions {
  /** One version for all, or one for each node by key. */
  readonly talos: string | Readonly<Record<string, string>>;
  readonly kubernetes: string;
  readonly contract: Contract;
}

/** What limits the way. */
export interface PathOptions {
  /** Whether going back to an older version is permitted. @default false */
  readonly allowDowngrade?: boolean;
  /**
   * The versions that can be had, for a site that has not all of them. @default - the newest known patch of every minor,
   * and the wanted version
   */
  readonly available?: { readonly talos?: readonly string[]; readonly kubernetes?: readonly string[] };
}

/** The way, or the proof that there is none. */
export type UpgradePath =
  | { readonly possible: true; readonly hops: readonly Hop[] }
  | {
      readonly possible: false;
      /** As far as legal steps get. */
      readonly hops: readonly Hop[];
      /** What stands in the way of each next step from there: with all of these in force there is no way. */
      readonly blocks: readonly Block[];
    };

/**
 * The shortest row of legal steps from what runs to what is wanted. Both axes are interleaved: a Talos minor is left from
 * its latest patch and with the newest Kubernetes that is wanted and that it runs, because that pair is the best tested.
 *
 * Sources: the installer's and the Kubernetes upgrade's own checks (see {@link Rule}) and Talos' upgrade guide, which is
 * stricter than the code: adjacent minors only, through the latest patch of each.
 */
export function upgradePath(from: ClusterVersions, to: WantedVersions, options: PathOptions = {}): UpgradePath {
  const unknown = unknownVersions(from, to);
  if (unknown.length > 0) return { possible: false, hops: [], blocks: unknown };
  const search = new Search(normalised(from), normaliseWanted(from, to), options);
  return search.run();
}

/** {@link upgradePath}'s proof as problems. */
export function pathProblems(path: string, result: UpgradePath): readonly Problem[] {
  if (result.possible) return [];
  return result.blocks.map((block) => ({
    path,
    reason: `there is no way from ${AXES[block.axis]} ${block.from} to ${block.to}: ${block.reason}`,
    fix: FIXES[block.rule],
  }));
}

const FIXES: Readonly<Record<Block["rule"], string>> = {
  "known-version": "use versions plinth knows, or add them to components/talos/releases.ts",
  available: "make a version of that minor available",
  "one-minor": "pass through the minors between, each in an update of its own",
  "latest-patch": "make the latest patch of the minor available",
  installer: "pass through the minors between",
  "kubernetes-range": "choose a Kubernetes version that the Talos version runs",
  "talos-skew": "bring the other nodes within one minor first",
  downgrade: "ask for a version that is not older, or permit the downgrade by name",
  "etcd-format": "restore a snapshot taken before the upgrade instead",
  contract: "keep the contract, or upgrade Talos on every node first",
};

interface Goal {
  readonly talos: Readonly<Record<string, string>>;
  readonly kubernetes: string;
  readonly contract: Contract;
}

/** A candidate, or the reason why an axis has none. */
type Candidate = Hop | Block;

/** Breadth-first over the few states between now and the goal: each axis has one next version in any state. */
class Search {
  private readonly hopOptions: HopOptions;

  constructor(
    private readonly start: ClusterVersions,
    private readonly goal: Goal,
    private readonly options: PathOptions,
  ) {
    this.hopOptions = {
      allowDowngrade: options.allowDowngrade ?? false,
      latestTalos: (minor) => this.latest("talos", minor),
    };
  }

  run(): UpgradePath {
    const queue = [{ state: this.start, hops: [] as readonly Hop[] }];
    const seen = new Set([stateKey(this.start)]);
    let deepest: { readonly hops: readonly Hop[]; readonly blocks: readonly Block[] } | undefined;
    for (const { state, hops } of queue) {
      const candidates = this.candidates(state);
      if (candidates.length === 0) return { possible: true, hops };
      const blocks: Block[] = [];
      for (const candidate of [...candidates, ...this.detours(state)]) {
        const block = "rule" in candidate ? candidate : blockOf(state, candidate, this.hopOptions);
        if (block !== undefined && candidates.includes(candidate)) blocks.push(block);
        if (block !== undefined || "rule" in candidate) continue;
        const next = afterHop(state, candidate);
        if (seen.has(stateKey(next))) continue;
        seen.add(stateKey(next));
        queue.push({ state: next, hops: [...hops, candidate] });
      }
      if (blocks.length === candidates.length && hops.length >= (deepest?.hops.length ?? 0)) deepest = { hops, blocks };
    }
    return { possible: false, hops: deepest?.hops ?? [], blocks: deepest?.blocks ?? [] };
  }

  /** Every step towards the goal from a state, the preferred one first; none when the goal is reached. */
  private candidates(state: ClusterVersions): readonly Candidate[] {
    const talos = this.talosCandidates(state);
    const leaving = talos.filter((hop) => minorOf(known(hop.from)) !== minorOf(known(hop.to)));
    const staying = talos.filter((hop) => !leaving.includes(hop));
    return [...staying, ...this.kubernetesCandidates(state), ...leaving, ...this.contractCandidates(state)];
  }

  private talosCandidates(state: ClusterVersions): readonly Candidate[] {
    const groups = new Map<string, { from: string; wanted: string; nodes: string[] }>();
    for (const [key, { talos }] of Object.entries(state.nodes)) {
      const wanted = this.goal.talos[key] ?? talos;
      if (wanted === talos) continue;
      const group = groups.get(`${talos} ${wanted}`) ?? { from: talos, wanted, nodes: [] };
      group.nodes.push(key);
      groups.set(`${talos} ${wanted}`, group);
    }
    return [...groups.values()]
      .sort((a, b) => compareVersions(known(a.from), known(b.from)))
      .map(({ from, wanted, nodes }) => this.talosHop(from, wanted, nodes.sort()));
  }

  private talosHop(from: string, wanted: string, nodes: readonly string[]): Candidate {
    const minor = minorOf(known(from));
    const next = this.next("talos", from, wanted);
    // A minor is left from its latest patch: that patch is a step of its own.
    const latest = this.latest("talos", minor);
    const patch =
      next !== undefined &&
      latest !== undefined &&
      compareMinors(minorOf(known(next)), minor) > 0 &&
      compareVersions(known(from), known(latest)) < 0;
    const to = patch ? latest : next;
    if (to === undefined) return unavailable("talos", "Talos", from, wanted);
    return { axis: "talos", from, to, nodes, etcdFormat: changesEtcdFormat(from, to) };
  }

  /**
   * Steps back to the minor before, where that is permitted: a Kubernetes too old for its Talos refuses every change, and
   * comes free only under the Talos before.
   */
  private detours(state: ClusterVersions): readonly Candidate[] {
    if (this.options.allowDowngrade !== true) return [];
    const versions = new Set(Object.values(state.nodes).map((node) => node.talos));
    return [...versions].flatMap((from): Candidate[] => {
      const { major, minor } = known(from);
      const to = this.latest("talos", `${major}.${minor - 1}`);
      const nodes = Object.keys(state.nodes).filter((key) => state.nodes[key]?.talos === from);
      return to === undefined ? [] : [{ axis: "talos", from, to, nodes: nodes.sort(), etcdFormat: false }];
    });
  }

  private kubernetesCandidates(state: ClusterVersions): readonly Candidate[] {
    const running = Object.values(state.nodes).map((node) => node.kubernetes);
    const wanted = this.goal.kubernetes;
    if (running.every((version) => version === wanted)) return [];
    const lowest = running.reduce((a, b) => (compareVersions(known(a), known(b)) <= 0 ? a : b));
    const behind = running.find((version) => minorOf(known(version)) !== minorOf(known(lowest)));
    // An upgrade that stopped half-way is finished to the version its first nodes have, before it goes on.
    const next = behind ?? this.next("kubernetes", lowest, wanted);
    if (next === undefined) return [unavailable("kubernetes", "Kubernetes", lowest, wanted)];
    return [{ axis: "kubernetes", from: lowest, to: next }];
  }

  private contractCandidates(state: ClusterVersions): readonly Candidate[] {
    if (state.contract === this.goal.contract) return [];
    const at = CONTRACTS.indexOf(state.contract);
    const up = CONTRACTS.indexOf(this.goal.contract) > at;
    const to = up ? CONTRACTS[at + 1] : this.goal.contract;
    return to === undefined ? [] : [{ axis: "contract", from: state.contract, to }];
  }

  /** The version one minor nearer to the wanted one, or that one itself; undefined when the minor between has none. */
  private next(product: "talos" | "kubernetes", from: string, wanted: string): string | undefined {
    const [here, there] = [known(from), known(wanted)];
    const distance = minorDistance(minorOf(here), minorOf(there));
    if (distance === undefined || Math.abs(distance) <= 1) return wanted;
    return this.latest(product, `${here.major}.${here.minor + Math.sign(distance)}`);
  }

  private latest(product: "talos" | "kubernetes", minor: string): string | undefined {
    const available = this.options.available?.[product];
    if (available === undefined) {
      return product === "talos" ? releaseOfMinor(minor)?.latest : KUBERNETES_LATEST[minor];
    }
    return available
      .flatMap((text) => normaliseVersion(text) ?? [])
      .filter((text) => minorOf(known(text)) === minor)
      .sort((a, b) => compareVersions(known(b), known(a)))[0];
  }
}

function unavailable(axis: Block["axis"], product: string, from: string, to: string): Block {
  return { rule: "available", axis, from, to, reason: `no version of the next ${product} minor can be had` };
}

function unknownVersions(from: ClusterVersions, to: WantedVersions): readonly Block[] {
  const blocks: Block[] = [];
  const wanted = typeof to.talos === "string" ? [to.talos] : Object.values(to.talos);
  const running = Object.values(from.nodes);
  const block = (axis: Block["axis"], version: string, reason: string) =>
    blocks.push({ rule: "known-version", axis, from: version, to: version, reason });
  for (const version of new Set(wanted)) {
    for (const problem of talosProblems("", version)) block("talos", version, problem.reason);
  }
  for (const problem of kubernetesProblems("", "", to.kubernetes)) block("kubernetes", to.kubernetes, problem.reason);
  for (const { talos, kubernetes } of running) {
    // What runs may be a newer patch than plinth knows; its minor must be known all the same.
    if (findTalosRelease(talos) === undefined) block("talos", talos, `plinth has no data for Talos ${talos}`);
    if (parseVersion(kubernetes) === undefined) block("kubernetes", kubernetes, `"${kubernetes}" is not a version`);
  }
  return blocks;
}

function normalised(from: ClusterVersions): ClusterVersions {
  const nodes = Object.entries(from.nodes).map(([key, { talos, kubernetes }]) => [
    key,
    { talos: normaliseVersion(talos) ?? talos, kubernetes: normaliseVersion(kubernetes) ?? kubernetes },
  ]);
  return { contract: from.contract, nodes: Object.fromEntries(nodes) };
}

function normaliseWanted(from: ClusterVersions, to: WantedVersions): Goal {
  const talos = Object.entries(from.nodes).map(([key, node]) => {
    const wanted = typeof to.talos === "string" ? to.talos : (to.talos[key] ?? node.talos);
    return [key, normaliseVersion(wanted) ?? wanted];
  });
  const kubernetes = normaliseVersion(to.kubernetes) ?? to.kubernetes;
  return { talos: Object.fromEntries(talos), kubernetes, contract: to.contract };
}

function stateKey(state: ClusterVersions): string {
  const nodes = Object.entries(state.nodes).map(([key, node]) => `${key}=${node.talos}/${node.kubernetes}`);
  return `${state.contract} ${nodes.sort().join(" ")}`;
}
