/** Every problem of a cluster's declaration at once. Pure, and tolerant of what is not known yet. */
import type { Problem } from "../../components/problem";
import type { ClusterReleaseInputs } from "../../components/talos/ClusterRelease";
import { talosctlProblems } from "../../components/talos/releases";
import { type Draft, knownEntries, unknown } from "../draft";
import { propertyPath } from "../resource";
import { documents } from "./yaml";

export function releaseProblems(inputs: Draft<ClusterReleaseInputs>): readonly Problem[] {
  if (inputs === unknown) return [];
  const nodes = knownEntries(inputs.nodes);
  const complete = inputs.nodes !== unknown && nodes.length === Object.keys(inputs.nodes).length;
  return [
    ...(complete ? quorumProblems(nodes) : []),
    ...duplicates(nodes, "address"),
    ...duplicates(nodes, "hostname"),
    ...missingRole(inputs.configuration, nodes),
    ...nodes.flatMap(([key, node]) => patchProblems(key, node.patches)),
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

function patchProblems(key: string, patches: Draft<readonly string[]>): readonly Problem[] {
  if (patches === unknown) return [];
  return patches.flatMap((patch, place) => {
    if (patch === unknown) return [];
    try {
      documents(patch);
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
