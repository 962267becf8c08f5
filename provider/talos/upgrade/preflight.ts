/** What has to be true before the first step of an upgrade. Looks, and changes nothing. */
import { type Problem, refuse } from "../../../components/problem";
import { propertyPath } from "../../resource";
import type { Cluster } from "../cluster";
import { etcdGate } from "../gate";
import type { ReleaseHop } from "./route";
import { snapshotProblems } from "./snapshot";

/** @throws ProblemError with everything that stands in the way */
export async function preflight(cluster: Cluster, hops: readonly ReleaseHop[]): Promise<void> {
  await etcdGate(cluster, "before the upgrade");
  const nodes = await cluster.wait("the Kubernetes API answers", cluster.readySeconds, async () => ({
    done: await cluster.kubernetes.nodes(cluster.signal),
  }));
  const problems: Problem[] = [];
  for (const key of cluster.keys) {
    const { address, hostname } = cluster.node(key);
    const others = nodes.filter(({ name, addresses }) => name !== hostname && addresses.includes(address));
    problems.push(...others.map(({ name }) => ghost(key, name, `has the address of ${key} too`)));
  }
  const declared = new Set(cluster.keys.map((key) => cluster.node(key).hostname));
  const strangers = nodes.filter(({ name }) => !declared.has(name));
  if (hops.some(({ axis }) => axis === "kubernetes")) {
    // Kubernetes' upgrade visits every Node there is, and would wait for one that no machine stands behind.
    problems.push(...strangers.map(({ name }) => ghost(name, name, "is registered and not declared")));
  }
  problems.push(...(await snapshotProblems(cluster)));
  refuse("the upgrade is refused before its first step", dedupe(problems));
}

function ghost(key: string, name: string, why: string): Problem {
  return {
    path: propertyPath("nodes", key),
    reason: `the Node ${name} ${why}`,
    fix: `remove it (kubectl delete node ${name}) if no machine stands behind it, else declare it`,
  };
}

function dedupe(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.fix}`, problem])).values()];
}
