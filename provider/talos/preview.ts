/**
 * What a change does to the machines, for the person who reads the preview. Pure, and only texts are compared: no
 * process is started and no node is asked, so that a preview of hundreds of nodes stays cheap. The configuration is
 * secret: paths are named, values never.
 */
import type { Problem } from "../../components/problem";
import type { ClusterReleaseInputs, ClusterReleaseOutputs, NodeRelease } from "../../components/talos/ClusterRelease";
import { roughlyPatched } from "../../components/talos/config/patch";
import { type ConfigDocument, parseDocuments } from "../../components/talos/config/yaml";
import { formatHop } from "../../components/talos/hop";
import { documentsImpact, formatImpact, impactProblems, type NodeImpact } from "../../components/talos/impact";
import { findTalosRelease } from "../../components/talos/releases";
import { type Draft, hasUnknown, known, knownEntries, unknown } from "../draft";
import type { State } from "../resource";
import { backupProblems } from "./check";
import { driftOf } from "./drift";
import { membershipLines, renewedKeys } from "./membership/change";
import { patchesOf } from "./plan";
import { type Route, routeOf } from "./upgrade/route";

type Prior = State<ClusterReleaseInputs, ClusterReleaseOutputs>;

/** What is shown before anything happens, and what is not done unasked. */
export interface Preview {
  readonly lines: readonly string[];
  readonly problems: readonly Problem[];
}

export function previewChange(prior: Prior, inputs: Draft<ClusterReleaseInputs>): Preview {
  if (inputs === unknown) return { lines: [], problems: [] };
  const route = versionRoute(prior, inputs);
  const every = nodeImpacts(prior, inputs);
  const impacts = route.hops.length > 0 ? withoutBrought(every) : every;
  return {
    lines: [
      ...driftLines(prior),
      ...membershipLines(prior, inputs),
      ...unknownLines(prior, inputs),
      ...impactLines(impacts),
      ...routeLines(route, inputs),
    ],
    problems: [
      ...impactProblems(impacts, known(inputs.allow) ?? []),
      ...fixedProblems(impacts),
      ...route.problems,
      ...(route.hops.length > 0 && inputs.backup === undefined ? backupProblems() : []),
    ],
  };
}

/** Effects of what changes between the configurations of each node that is there before and after. */
function nodeImpacts(prior: Prior, inputs: Exclude<Draft<ClusterReleaseInputs>, symbol>): Record<string, NodeImpact> {
  const read = reader();
  const renewed = renewedKeys(prior, inputs.nodes === unknown ? {} : inputs.nodes);
  const found: { [key: string]: NodeImpact } = {};
  for (const [key, node] of knownEntries(inputs.nodes)) {
    const old = prior.inputs.nodes[key];
    if (old === undefined || node.type !== old.type || renewed.includes(key)) continue;
    const [before, patchesBefore] = [prior.inputs.configuration[old.type], patchesOf(prior.inputs, key)];
    // What is not known yet counts as unchanged; the update itself asks again with everything known.
    const after = known<ClusterReleaseInputs["configuration"]>(inputs.configuration)?.[old.type] ?? before;
    const patchesAfter = patchesKnown(inputs, key, node) ?? patchesBefore;
    if (before === undefined || after === undefined) continue;
    if (before === after && sameTexts(patchesBefore, patchesAfter)) continue;
    const impacts = documentsImpact(
      roughlyPatched(read(before), patchesBefore),
      roughlyPatched(read(after), patchesAfter),
      tableVersion(prior.outputs.running[key]?.talos ?? old.talos),
    );
    if (impacts.length > 0) found[key] = { type: old.type, impacts };
  }
  return found;
}

/** Declared patches of a node, the secret ones last; `undefined` while any of them is not known. */
function patchesKnown(
  { secretPatches }: Exclude<Draft<ClusterReleaseInputs>, symbol>,
  key: string,
  { patches }: Exclude<Draft<NodeRelease>, symbol>,
): readonly string[] | undefined {
  const open = known<readonly string[]>(patches);
  const secret = secretPatches === undefined ? {} : known<Record<string, readonly string[]>>(secretPatches);
  return open === undefined || secret === undefined ? undefined : [...open, ...(secret[key] ?? [])];
}

/** What every node and every pod of a cluster was made with: Talos would take the change, and the cluster would break. */
const FIXED = /cluster\.network\.(podSubnets|serviceSubnets|dnsDomain)|KubeNetworkConfig/;

function fixedProblems(impacts: Readonly<Record<string, NodeImpact>>): readonly Problem[] {
  const paths = new Set(Object.values(impacts).flatMap(({ impacts }) => impacts.map(({ path }) => path)));
  return [...paths]
    .filter((path) => FIXED.test(path))
    .map((path) => ({
      path: "configuration",
      reason: `${path} is fixed when a cluster is made: its nodes and pods have addresses of the old network`,
      fix: "set it back; another pod or service network is another cluster",
    }));
}

/** A patch newer than the release table behaves as its minor does; an unknown minor is refused. */
function tableVersion(talos: string): string {
  return findTalosRelease(talos)?.latest ?? talos;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, place) => text === b[place]);
}

/** Hundreds of nodes share one role's configuration: it is read once. */
function reader(): (text: string) => readonly ConfigDocument[] {
  const read = new Map<string, readonly ConfigDocument[]>();
  return (text) => {
    const documents = read.get(text) ?? parseDocuments(text);
    read.set(text, documents);
    return documents;
  };
}

/** One line for each change and its effect, with the nodes that share it. */
function impactLines(impacts: Readonly<Record<string, NodeImpact>>): readonly string[] {
  const keysByLine = new Map<string, string[]>();
  for (const [key, node] of Object.entries(impacts)) {
    for (const impact of node.impacts) {
      const line = formatImpact(impact);
      keysByLine.set(line, [...(keysByLine.get(line) ?? []), key]);
    }
  }
  return [...keysByLine].map(([line, keys]) => `${keys.sort().join(", ")}: ${line}`);
}

function driftLines(prior: Prior): readonly string[] {
  return Object.entries(prior.inputs.nodes).flatMap(([key, node]) => {
    const drift = driftOf(node);
    if (drift !== undefined) return [`${key}: changed outside of plinth at ${drift}, is set back`];
    // Nothing was read anew: it was adopted so, and this is the first preview after that.
    const seen = prior.outputs.running[key]?.drift ?? [];
    return seen.length > 0 ? [`${key}: runs otherwise than declared at ${seen.join(", ")}, is changed`] : [];
  });
}

function unknownLines(prior: Prior, inputs: Exclude<Draft<ClusterReleaseInputs>, symbol>): readonly string[] {
  const keys = knownEntries(inputs.nodes)
    .filter(([key, node]) => prior.inputs.nodes[key] !== undefined && hasUnknown(node.patches))
    .map(([key]) => key);
  return keys.length === 0 ? [] : [`${keys.join(", ")}: patches are not known yet`];
}

/** The way from the versions that run to those declared; no hop if none changes or they are not known yet. */
function versionRoute(prior: Prior, inputs: Exclude<Draft<ClusterReleaseInputs>, symbol>): Route {
  const nodes = knownEntries(inputs.nodes).flatMap(([key, node]) => {
    const runs = prior.outputs.running[key];
    if (runs === undefined || hasUnknown([node.talos, node.kubernetes, node.schematic])) return [];
    const kubernetes = runs.kubernetes ?? prior.inputs.nodes[key]?.kubernetes ?? String(node.kubernetes);
    const wanted = {
      talos: String(node.talos),
      kubernetes: String(node.kubernetes),
      ...(node.schematic !== undefined && { schematic: String(node.schematic) }),
    };
    return [[key, { from: { ...runs, kubernetes }, wanted }] as const];
  });
  const [allow, upgrade] = [known(inputs.allow), known(inputs.upgrade)];
  const settings = { ...(allow !== undefined && { allow }), ...(upgrade !== undefined && { upgrade }) };
  return routeOf(Object.fromEntries(nodes), settings, prior.outputs.rolledOut);
}

/** What a person has to know of the way before it is begun. */
function routeLines({ hops }: Route, inputs: Exclude<Draft<ClusterReleaseInputs>, symbol>): readonly string[] {
  const planes = knownEntries(inputs.nodes).filter(([, { type }]) => type === "controlplane");
  const alone = planes.length === 1 && hops.some(({ axis }) => axis === "talos");
  return [
    ...hops.map((hop, place) => `step ${place + 1} of ${hops.length}: ${formatHop(hop)}`),
    ...(alone
      ? [
          `${planes[0]?.[0]} is the only control plane: the Kubernetes API is away while it reboots, and if it does not come back only the snapshot is left`,
        ]
      : []),
  ];
}

/** Images that the steps of the way bring along: configurations name them only afterwards. */
const BROUGHT =
  /^(?:machine\.(?:install|kubelet)|cluster\.(?:apiServer|controllerManager|scheduler|proxy))\.image$|^(?:UnattendedInstall|Kubelet|KubeAPIServer|KubeControllerManager|KubeScheduler|KubeProxy)Config\b.*\.image$/;

function withoutBrought(impacts: Readonly<Record<string, NodeImpact>>): Readonly<Record<string, NodeImpact>> {
  const left = Object.entries(impacts).map(([key, node]) => {
    return [key, { ...node, impacts: node.impacts.filter(({ path }) => !BROUGHT.test(path)) }] as const;
  });
  return Object.fromEntries(left.filter(([, node]) => node.impacts.length > 0));
}
