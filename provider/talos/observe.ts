/** Reads what runs, without changing anything. */
import type {
  ClusterReleaseInputs,
  ClusterReleaseOutputs,
  LeavingNode,
  NodeRelease,
  NodeRunning,
} from "../../components/talos/ClusterRelease";
import { sentence } from "../host/failure";
import type { State } from "../resource";
import { TalosError } from "../talosctl/talos";
import { eachBounded } from "../wait";
import { type Cluster, PARALLEL } from "./cluster";
import { markedPatches } from "./drift";
import { leavingNode } from "./membership/change";
import { generationOf } from "./membership/generation";
import { patchesOf, roleConfiguration } from "./plan";
import { changedPaths, fingerprint } from "./yaml";

type Prior = State<ClusterReleaseInputs, ClusterReleaseOutputs>;
type Seen = NodeRunning | "gone" | { readonly unreachable: string };

/**
 * The prior state as it truly is now. Drift becomes part of the inputs, so that the next preview shows it as a change
 * back: another version as itself, another configuration as a patch that names the paths, a wiped machine as a node
 * that is missing. A node that does not answer keeps its record, with a warning; if none answers, nothing is known
 * and the read fails.
 */
export async function observe(cluster: Cluster, prior: Prior): Promise<Prior> {
  const keys = cluster.keys.filter((key) => prior.outputs.running[key] !== undefined);
  const kubelets = await kubeletVersions(cluster);
  const seen = new Map(
    await eachBounded(keys, PARALLEL, async (key) => {
      const record = prior.outputs.running[key] as NodeRunning;
      return [key, await look(cluster, key, record, kubelets.get(cluster.node(key).hostname))] as const;
    }),
  );
  const unreachable = [...seen].flatMap(([key, node]) =>
    typeof node === "object" && "unreachable" in node ? [`${key}: ${node.unreachable}`] : [],
  );
  if (unreachable.length > 0 && unreachable.length === keys.length) {
    throw new Error(`no node of ${cluster.inputs.clusterName} answers: ${unreachable.join("; ")}`);
  }
  for (const node of unreachable) cluster.context.log.warn(`kept as last seen, it does not answer: ${node}`);

  // A wiped machine is missing among the nodes, and remembered until it is installed again or given up.
  const running: { [key: string]: NodeRunning } = Object.fromEntries(
    Object.entries(prior.outputs.running).filter(([, { wiped }]) => wiped === true),
  );
  const nodes: { [key: string]: NodeRelease } = { ...prior.inputs.nodes };
  for (const [key, node] of seen) {
    if (node === "gone") {
      delete nodes[key];
      running[key] = { ...(prior.outputs.running[key] as NodeRunning), wiped: true };
      continue;
    }
    const record = "unreachable" in node ? (prior.outputs.running[key] as NodeRunning) : node;
    running[key] = record;
    nodes[key] = asDeclared(cluster.node(key), record);
  }
  const leaving = { ...prior.outputs.leaving, ...wipedNodes(prior, seen) };
  return {
    inputs: { ...prior.inputs, nodes },
    outputs: { ...prior.outputs, running, ...(Object.keys(leaving).length > 0 && { leaving }) },
  };
}

/** What has to be forgotten of a wiped machine should it not be declared any more. */
function wipedNodes(prior: Prior, seen: ReadonlyMap<string, Seen>): Record<string, LeavingNode> {
  return Object.fromEntries(
    Object.entries(prior.inputs.nodes)
      .filter(([key]) => seen.get(key) === "gone")
      .map(([key, node]) => [key, leavingNode(node)]),
  );
}

/** Versions by Node name; what the Kubernetes API does not tell stays as it was last seen. */
async function kubeletVersions(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  try {
    return new Map((await cluster.kubernetes.nodes(cluster.signal)).map((node) => [node.name, node.kubelet]));
  } catch (error) {
    cluster.signal.throwIfAborted();
    cluster.context.log.warn(`Kubernetes versions are as last seen, its API does not answer: ${sentence(error)}`);
    return new Map();
  }
}

async function look(cluster: Cluster, key: string, record: NodeRunning, kubelet: string | undefined): Promise<Seen> {
  const node = cluster.node(key);
  const { talos, signal } = cluster;
  try {
    const version = await talos.version(node.address, signal);
    const schematic = await talos.schematic(node.address, signal);
    const runs = await talos.configuration(node.address, signal);
    const running = fingerprint(runs);
    const drift =
      running === record.confirmed
        ? []
        : changedPaths(
            await talos.render(roleConfiguration(cluster.inputs, node), patchesOf(cluster.inputs, key), signal),
            runs,
          );
    const kubernetes = kubelet ?? record.kubernetes;
    // A machine that a killed run installed knows better than the record: neither may ever make it look like an older one.
    const generation = Math.max(record.generation ?? 1, generationOf(runs));
    return {
      talos: version,
      ...(kubernetes !== undefined && { kubernetes }),
      ...(schematic !== undefined && { schematic }),
      pushed: record.pushed,
      confirmed: record.confirmed,
      running,
      ...((record.generation !== undefined || generation > 1) && { generation }),
      drift,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TalosError)) throw error;
    if (error.kind === "maintenance") return "gone";
    if (error.kind === "unreachable" || error.kind === "not-ready") return { unreachable: error.message };
    throw new Error(`${key}: ${error.message}`);
  }
}

/** The node as a declaration of what runs. */
function asDeclared(declared: NodeRelease, record: NodeRunning): NodeRelease {
  return {
    ...declared,
    talos: record.talos,
    kubernetes: record.kubernetes ?? declared.kubernetes,
    ...(declared.schematic !== undefined && record.schematic !== undefined && { schematic: record.schematic }),
    patches: markedPatches(declared, record.drift),
  };
}
