import type { ClusterVersions, Hop } from "./hop";
import { etcdMinor, known } from "./hop";
import { findTalosRelease, supports } from "./releases";
import { compareMinors, minorDistance, minorOf } from "./version";

/** A step that was made, and what is known of it. */
export interface PastStep {
  readonly hop: Hop;
  /** Name of an etcd snapshot taken right before it. @default - there is none */
  readonly snapshot?: string;
}

/** What decides about going back. */
export interface RollbackFacts {
  /** The steps that were made, oldest first. */
  readonly steps: readonly PastStep[];
  /** What runs now. */
  readonly now: ClusterVersions;
  /** Keys of the control planes. */
  readonly controlPlanes: readonly string[];
  /** Talos version in the other boot slot of a node, where it is known. @default - the one of its last step */
  readonly otherSlot?: Readonly<Record<string, string>>;
  /**
   * Version the etcd cluster has agreed on (`3.6`): it rises only when every member runs the newer one, and the data format
   * with it. @default - the newer one, as soon as any member runs it
   */
  readonly etcdCluster?: string;
}

/**
 * How a step is undone:
 * - `ab-rollback`: the node boots its other slot;
 * - `downgrade`: the older Talos is installed again, by permission;
 * - `kubernetes-patch`: the older patch of the same minor is rolled out;
 * - `etcd-downgrade`: etcd's own downgrade is prepared and confirmed by a person, then the nodes boot their other slot;
 * - `restore`: only the snapshot taken before brings the state back; everything written since is lost;
 * - `none`: nothing does.
 */
export type UndoKind = "ab-rollback" | "downgrade" | "kubernetes-patch" | "etcd-downgrade" | "restore" | "none";

/** The verdict on one past step. */
export interface Undo {
  /** Position in {@link RollbackFacts.steps}. */
  readonly step: number;
  readonly kind: UndoKind;
  /** Whether plinth may do it without a person: never over a change of etcd's format, never a restore. */
  readonly automatic: boolean;
  /** Steps that have to be undone before, newest first. */
  readonly first: readonly number[];
  readonly reason: string;
}

/**
 * For each past step, newest first, the way back and why no easier one is valid. Pure: it decides nothing and does nothing.
 *
 * Sources: Talos keeps one older image, in the other slot, and boots it with the configuration of now; Kubernetes has no
 * way back over a minor; etcd reads older data formats, not newer ones, and keeps the older one while any member needs it.
 */
export function rollbackPlan(facts: RollbackFacts): readonly Undo[] {
  return facts.steps.map((past, step) => undo(facts, past, step)).reverse();
}

function undo(facts: RollbackFacts, past: PastStep, step: number): Undo {
  const { hop } = past;
  switch (hop.axis) {
    case "talos":
      return undoTalos(facts, past, hop, step);
    case "kubernetes":
      return undoKubernetes(facts, past, hop, step);
    case "contract":
      return {
        step,
        kind: "none",
        automatic: false,
        first: [],
        reason: `configurations are not written back for contract ${hop.from}; apply the former ones by hand`,
      };
  }
}

type TalosHop = Extract<Hop, { axis: "talos" }>;
type KubernetesHop = Extract<Hop, { axis: "kubernetes" }>;

function undoTalos(facts: RollbackFacts, past: PastStep, hop: TalosHop, step: number): Undo {
  const barred = whyOldTalosCannotRun(facts, hop);
  if (barred !== undefined) return restore(facts, past, step, barred);
  const later = laterTalosSteps(facts, hop, step);
  const format = etcdChange(facts, hop);
  if (format !== undefined) {
    const [from, to] = format;
    if (minorDistance(from, to) !== 1) {
      return restore(facts, past, step, `etcd ${from} cannot read the data of etcd ${to}`);
    }
    return {
      step,
      kind: "etcd-downgrade",
      automatic: false,
      first: later,
      reason: `etcd's data format went from ${from} to ${to}: etcd has to be taken down to ${from} first (talosctl etcd downgrade)`,
    };
  }
  if (later.length > 0) {
    return {
      step,
      kind: "downgrade",
      automatic: false,
      first: later,
      reason: `the other slot holds a later version by now: Talos ${hop.from} has to be installed again, by permission`,
    };
  }
  const other = hop.nodes.find((node) => (facts.otherSlot?.[node] ?? hop.from) !== hop.from);
  if (other !== undefined) {
    const holds = facts.otherSlot?.[other];
    return {
      step,
      kind: "downgrade",
      automatic: false,
      first: [],
      reason: `the other slot of ${other} holds ${holds}, not ${hop.from}: it has to be installed again, by permission`,
    };
  }
  return {
    step,
    kind: "ab-rollback",
    automatic: true,
    first: [],
    reason: `the other slot still holds ${hop.from}, and etcd's data format is the same`,
  };
}

function undoKubernetes(facts: RollbackFacts, past: PastStep, hop: KubernetesHop, step: number): Undo {
  if (minorOf(known(hop.from)) !== minorOf(known(hop.to))) {
    return restore(facts, past, step, `Kubernetes has no way back from ${hop.to} to ${hop.from}`);
  }
  const first = facts.steps.flatMap(({ hop: after }, index) =>
    index > step && after.axis === "kubernetes" ? [index] : [],
  );
  const barred = first.some((index) => {
    const after = facts.steps[index]?.hop;
    return after?.axis === "kubernetes" && minorOf(known(after.from)) !== minorOf(known(after.to));
  });
  if (barred) return restore(facts, past, step, "Kubernetes went up a minor since, and has no way back over it");
  return {
    step,
    kind: "kubernetes-patch",
    automatic: true,
    first: [...first].reverse(),
    reason: `${hop.from} is a patch of the same minor and can be rolled out again`,
  };
}

/** Why the older Talos would not come up beside what else runs now; undefined when it would. */
function whyOldTalosCannotRun(facts: RollbackFacts, hop: TalosHop): string | undefined {
  const minor = minorOf(known(hop.from));
  if (compareMinors(minor, facts.now.contract.slice(1)) < 0) {
    return `the nodes' configurations are written for contract ${facts.now.contract}, which Talos ${hop.from} does not know`;
  }
  const misfit = hop.nodes.find((node) => {
    const running = facts.now.nodes[node];
    return running !== undefined && !supports(hop.from, running.kubernetes);
  });
  if (misfit === undefined) return undefined;
  return `Talos ${hop.from} does not run Kubernetes ${facts.now.nodes[misfit]?.kubernetes}, which runs now`;
}

/** etcd minors before and after, when the step changed the format of the data that the cluster has now. */
function etcdChange(facts: RollbackFacts, hop: TalosHop): readonly [from: string, to: string] | undefined {
  const [source, target] = [findTalosRelease(hop.from), findTalosRelease(hop.to)];
  if (source === undefined || target === undefined) return undefined;
  if (!hop.nodes.some((node) => facts.controlPlanes.includes(node))) return undefined;
  const [from, to] = [etcdMinor(source), etcdMinor(target)];
  if (compareMinors(to, from) <= 0) return undefined;
  return facts.etcdCluster !== undefined && compareMinors(facts.etcdCluster, from) <= 0 ? undefined : [from, to];
}

function laterTalosSteps(facts: RollbackFacts, hop: TalosHop, step: number): readonly number[] {
  return facts.steps
    .flatMap(({ hop: after }, index) =>
      index > step && after.axis === "talos" && after.nodes.some((node) => hop.nodes.includes(node)) ? [index] : [],
    )
    .reverse();
}

function restore(facts: RollbackFacts, past: PastStep, step: number, why: string): Undo {
  // A snapshot brings etcd's content back, so an older one undoes a later step as well.
  const snapshot =
    past.snapshot ??
    facts.steps
      .slice(0, step)
      .reverse()
      .find((earlier) => earlier.snapshot)?.snapshot;
  if (snapshot === undefined) {
    return { step, kind: "none", automatic: false, first: [], reason: `${why}, and no snapshot was taken before it` };
  }
  return {
    step,
    kind: "restore",
    automatic: false,
    first: [],
    reason: `${why}: only the snapshot ${snapshot} brings the state back, and what was written since is lost`,
  };
}
