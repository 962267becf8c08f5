/** Every problem of a cluster's declaration at once. Pure, and tolerant of what is not known yet. */
import type { Problem } from "../../components/problem";
import type { ClusterReleaseInputs } from "../../components/talos/ClusterRelease";
import { talosctlProblems } from "../../components/talos/releases";
import { type Draft, knownEntries, unknown } from "../draft";
import { propertyPath } from "../resource";
import { documents } from "./yaml";

export function releaseProblems(
  inputs: Draft<ClusterReleaseInputs>,
  accepted: Draft<ClusterReleaseInputs> = unknown,
): readonly Problem[] {
  if (inputs === unknown) return [];
  // Parsing is what a check of hundreds of nodes costs: what they share, and what was good last time, is good.
  const good = new Set(accepted === unknown ? [] : knownEntries(accepted.nodes).flatMap(([, node]) => node.patches));
  const nodes = knownEntries(inputs.nodes);
  const complete = inputs.nodes !== unknown && nodes.length === Object.keys(inputs.nodes).length;
  return [
    ...(complete ? quorumProblems(nodes) : []),
    ...kubernetesProblems(nodes),
    ...duplicates(nodes, "address"),
    ...duplicates(nodes, "hostname"),
    ...missingRole(inputs.configuration, nodes),
    ...nodes.flatMap(([key, node]) => patchProblems(key, node.patches, good)),
  ];
}

/** What is wrong with the talosctl of this host for the declared versions, each said once. */
export function toolProblems(inputs: Draft<ClusterReleaseInputs>, talosctl: string | undefined): readonly Problem[] {
  if (inputs === unknown) return [];
  const found = knownEntries(inputs.nodes).flatMap(([, { talos, kubernetes }]) =>
    talos === unknown || kubernetes === unknown ? [] : talosctlProblems(talosctl, talos, kubernetes),
  );
  return [...new Map(found.map((problem) => [problem.reason, problem])).values()];
}

/** Why no version is changed without a place for snapshots. */
export function backupProblems(): readonly Problem[] {
  return [
    {
      path: "backup",
      reason: "versions change only behind a snapshot of etcd, and no store for it is declared",
      fix: "declare backup: a store outside the cluster, and at least one age recipient",
    },
  ];
}

type Nodes = ReturnType<typeof knownEntries<ClusterReleaseInputs["nodes"][string]>>;

function quorumProblems(nodes: Nodes): readonly Problem[] {
  if (nodes.some(([, node]) => node.type === unknown)) return [];
  const planes = nodes.filter(([, node]) => node.type === "controlplane").map(([key]) => key);
  if (planes.length === 0) {
    return [{ path: "nodes", reason: "there is no control plane", fix: "give at least one node type controlplane" }];
  }
  if (planes.length === 2) {
    return [
      {
        path: "nodes",
        reason: `two control planes (${planes.join(", ")}): etcd stops when either of them does`,
        fix: "use one or three control planes; to replace a machine keep its node and raise its generation",
      },
    ];
  }
  return [];
}

/** Kubernetes is rolled out over a whole cluster. */
function kubernetesProblems(nodes: Nodes): readonly Problem[] {
  const versions = new Set(nodes.flatMap(([, { kubernetes }]) => (kubernetes === unknown ? [] : [kubernetes])));
  if (versions.size < 2) return [];
  return [
    {
      path: "nodes",
      reason: `several Kubernetes versions are declared (${[...versions].sort().join(", ")}), and a cluster runs one`,
      fix: "declare the same kubernetes for every node",
    },
  ];
}

function duplicates(nodes: Nodes, field: "address" | "hostname"): readonly Problem[] {
  const owners = new Map<string, string>();
  return nodes.flatMap(([key, node]) => {
    const value = node[field];
    if (value === unknown) return [];
    const owner = owners.get(value);
    if (owner === undefined) {
      owners.set(value, key);
      return [];
    }
    return [
      {
        path: propertyPath("nodes", key, field),
        reason: `${value} is also the ${field} of ${owner}`,
        fix: `give each node a ${field} of its own`,
      },
    ];
  });
}

function missingRole(configuration: Draft<ClusterReleaseInputs["configuration"]>, nodes: Nodes): readonly Problem[] {
  if (configuration === unknown || configuration.worker !== undefined) return [];
  const workers = nodes.filter(([, node]) => node.type === "worker").map(([key]) => key);
  if (workers.length === 0) return [];
  return [
    {
      path: "configuration.worker",
      reason: `there are workers (${workers.join(", ")}) but no configuration for them`,
      fix: "give the machine configuration of role worker",
    },
  ];
}

function patchProblems(key: string, patches: Draft<readonly string[]>, good: Set<Draft<string>>): readonly Problem[] {
  if (patches === unknown) return [];
  return patches.flatMap((patch, place) => {
    if (patch === unknown || good.has(patch)) return [];
    try {
      documents(patch);
      good.add(patch);
      return [];
    } catch (error) {
      return [
        {
          path: propertyPath("nodes", key, "patches", place),
          reason: error instanceof Error ? error.message : String(error),
          fix: "give a patch as YAML documents",
        },
      ];
    }
  });
}
