/** The way from the versions that run to those declared. Pure: the same route is shown at preview and carried out. */

import type { Problem } from "../../../components/problem";
import type { ClusterReleaseInputs, ClusterReleaseOutputs } from "../../../components/talos/ClusterRelease";
import type { Hop } from "../../../components/talos/hop";
import { pathProblems, upgradePath } from "../../../components/talos/path";
import { CONTRACTS } from "../../../components/talos/releases";

export type TalosHop = Extract<Hop, { axis: "talos" }>;
export type KubernetesHop = Extract<Hop, { axis: "kubernetes" }>;
/** Contracts are configuration: they change after the versions, with the rest of it. */
export type ReleaseHop = TalosHop | KubernetesHop;

/** What runs on one node. */
export interface Versions {
  readonly talos: string;
  readonly kubernetes: string;
  /** @default - the machine does not tell, and it is not checked */
  readonly schematic?: string;
}

export interface RouteNode {
  readonly from: Versions;
  readonly wanted: Versions;
}

export interface Route {
  readonly hops: readonly ReleaseHop[];
  /** Why there is no way, as the rules that stand in it; empty when there is one. */
  readonly problems: readonly Problem[];
}

/** Word in {@link ClusterReleaseInputs.allow} that permits steps back to an older version. */
const DOWNGRADE = "downgrade";

export function routeOf(
  nodes: Readonly<Record<string, RouteNode>>,
  settings: Pick<ClusterReleaseInputs, "allow" | "upgrade">,
  rolledOut?: string,
): Route {
  const entries = Object.entries(nodes);
  const kubernetes = entries[0]?.[1].wanted.kubernetes;
  const there =
    entries.every(([, { from, wanted }]) => !moves(from, wanted)) && (rolledOut ?? kubernetes) === kubernetes;
  if (kubernetes === undefined || there) return { hops: [], problems: [] };
  // The contract is none of the inputs; the oldest stands in no step's way.
  const [contract] = CONTRACTS;
  const path = upgradePath(
    { nodes: Object.fromEntries(entries.map(([key, { from }]) => [key, from])), contract },
    { talos: Object.fromEntries(entries.map(([key, { wanted }]) => [key, wanted.talos])), kubernetes, contract },
    {
      allowDowngrade: settings.allow?.includes(DOWNGRADE) ?? false,
      ...(settings.upgrade?.available !== undefined && { available: settings.upgrade.available }),
    },
  );
  if (!path.possible) return { hops: [], problems: pathProblems("nodes", path) };
  const hops = path.hops.filter((hop): hop is ReleaseHop => hop.axis !== "contract");
  return {
    hops: [...otherImages(entries, hops), ...hops, ...unfinishedRollOut(hops, kubernetes, rolledOut)],
    problems: [],
  };
}

/** Whether any node is known to run other versions than declared, or the last roll-out was not finished. */
export function versionsDue(inputs: ClusterReleaseInputs, { running, rolledOut }: ClusterReleaseOutputs): boolean {
  return Object.entries(inputs.nodes).some(([key, node]) => {
    const seen = running[key];
    if (seen === undefined) return false;
    const from = { ...seen, kubernetes: seen.kubernetes ?? node.kubernetes };
    return moves(from, node) || (rolledOut ?? node.kubernetes) !== node.kubernetes;
  });
}

function moves(from: Versions, wanted: Versions): boolean {
  return from.talos !== wanted.talos || from.kubernetes !== wanted.kubernetes || otherSchematic(from, wanted);
}

/** Nodes that keep their version and get another image of it. A node that changes its version gets that image on the way. */
function otherImages(entries: readonly (readonly [string, RouteNode])[], hops: readonly ReleaseHop[]): TalosHop[] {
  const byVersion = new Map<string, string[]>();
  for (const [key, { from, wanted }] of entries) {
    const onTheWay = hops.some((hop) => hop.axis === "talos" && hop.nodes.includes(key));
    if (onTheWay || !otherSchematic(from, wanted)) continue;
    byVersion.set(from.talos, [...(byVersion.get(from.talos) ?? []), key]);
  }
  return [...byVersion].map(([talos, keys]) => ({
    axis: "talos",
    from: talos,
    to: talos,
    nodes: keys.sort(),
    etcdFormat: false,
  }));
}

/** Whether two images are known to differ in what they are made of. */
function otherSchematic(from: Pick<Versions, "schematic">, wanted: Pick<Versions, "schematic">): boolean {
  return from.schematic !== undefined && wanted.schematic !== undefined && from.schematic !== wanted.schematic;
}

/** Kubelets come before the bootstrap manifests: a run that stopped between them left only those to do. */
function unfinishedRollOut(
  hops: readonly ReleaseHop[],
  wanted: string,
  rolledOut: string | undefined,
): readonly KubernetesHop[] {
  const reaches = hops.some((hop) => hop.axis === "kubernetes");
  if (reaches || rolledOut === undefined || rolledOut === wanted) return [];
  return [{ axis: "kubernetes", from: rolledOut, to: wanted }];
}
