/** From what runs on a cluster's machines to what is declared. */
import { refuse } from "../../components/problem";
import type { ClusterReleaseInputs, ClusterReleaseOutputs } from "../../components/talos/ClusterRelease";
import { impactProblems } from "../../components/talos/impact";
import type { Drivers } from "../drivers";
import { sentence } from "../host/failure";
import { withClusterLease } from "../kubernetes/lease";
import { type Context, propertyPath, type Reached } from "../resource";
import { Cluster } from "./cluster";
import { differs, driftImpacts, execute, type Survey, survey, takeNote } from "./execute";
import { etcdGate } from "./gate";
import { leaseName } from "./leasename";
import { changeMembers } from "./membership/membership";
import { leaderOf, plan } from "./plan";
import { Progress } from "./progress";
import { resetCluster } from "./reset";
import { versionsDue } from "./upgrade/route";
import { upgrade } from "./upgrade/upgrade";
import { fingerprint } from "./yaml";

/** Holds the lease on this host and the one in the cluster while `work` runs. */
function underLease<T>(outside: Cluster, doing: string, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const { context, kubernetes, inputs } = outside;
  const name = leaseName(inputs.clusterName);
  const onAbsent = (reason: string): void =>
    context.log.progress(`no lease in the cluster, its API does not answer: ${reason}`);
  return context.lease({ name, doing }, (local) =>
    withClusterLease(kubernetes, name, local, onAbsent, (holding) => work(outside.under(holding))),
  );
}

/** Wipes every machine of a cluster that is destroyed. */
export async function wipe(drivers: Drivers, inputs: ClusterReleaseInputs, context: Context): Promise<void> {
  const outside = new Cluster(inputs, context, drivers);
  const detail = `wipe ${outside.keys.length} machines`;
  await underLease(outside, detail, async (cluster) => {
    await cluster.audit("destroy", undefined, detail);
    await resetCluster(cluster);
  });
}

/** From what was reached before to what is declared. Whatever happens after the first change comes back as failures. */
export async function converge(
  drivers: Drivers,
  inputs: ClusterReleaseInputs,
  before: ClusterReleaseOutputs,
  context: Context,
  old?: ClusterReleaseInputs,
): Promise<Reached<ClusterReleaseOutputs>> {
  const progress = new Progress(before);
  let begun = false;
  try {
    return await underLease(new Cluster(inputs, context, drivers), "change the cluster", (cluster) => {
      begun = true;
      return changeAll(cluster, old, progress, before.phase === "partial");
    });
  } catch (error) {
    // Held by somebody else: nothing was touched. Later the state has to remember what was, whatever went wrong.
    if (!begun) throw error;
    return { outputs: progress.outputs("partial"), failures: [sentence(error)] };
  }
}

async function changeAll(
  cluster: Cluster,
  old: ClusterReleaseInputs | undefined,
  progress: Progress,
  resumed: boolean,
): Promise<Reached<ClusterReleaseOutputs>> {
  await changeMembers(cluster, old, progress);
  if (old !== undefined && versionsDue(cluster.inputs, progress.outputs("partial"))) {
    const stopped = await upgrade(cluster, progress);
    if (stopped.length > 0) return { outputs: progress.outputs("partial"), failures: stopped };
  }
  const first = plan(cluster.inputs, progress.running, undefined);
  const due = first.waves.flatMap((wave) => wave.keys);
  const { found: seen, absent } = await survey(cluster, due);
  // A preview has not shown a change of versions that nobody knew of: the next one does.
  const wrong = strangers(cluster, seen, progress);
  if (wrong.length > 0) return { outputs: progress.outputs("partial"), failures: [...wrong, ...absent] };
  const found = await takeNote(cluster, seen, progress);
  refuse(
    "this change of the cluster is refused",
    impactProblems(driftImpacts(found, progress), cluster.inputs.allow ?? []),
  );
  // Whatever stopped the last run, a control plane may be half-way.
  const planes = resumed || first.waves.some((wave) => wave.type === "controlplane");
  // A worker waits for it too: without etcd nobody could tell whether it comes back.
  const changes = [...found.values()].some(differs);
  const leader = changes ? leaderOf(await etcdGate(cluster, "before the change")) : undefined;

  const failures = await execute(found, plan(cluster.inputs, progress.running, leader), progress);
  if (failures.length > 0) return { outputs: progress.outputs("partial"), failures: [...failures, ...absent] };
  if (planes) await etcdGate(cluster, "after the change");
  if (absent.length > 0) return { outputs: progress.outputs("partial"), failures: absent };
  progress.rolledOut = Object.values(cluster.inputs.nodes)[0]?.kubernetes;
  return { outputs: progress.outputs("converged") };
}

/**
 * Nodes that run other versions than declared, though nobody knew: found on the first look at a cluster, or changed by
 * somebody else since the last. They are noted, so that the next preview shows the way to what is declared.
 */
function strangers(cluster: Cluster, found: Survey, progress: Progress): readonly string[] {
  return [...found].flatMap(([key, { version, kubernetes, before }]) => {
    const declared = cluster.node(key);
    if (version === declared.talos && (kubernetes ?? declared.kubernetes) === declared.kubernetes) return [];
    const runs = fingerprint(before);
    progress.running[key] = {
      ...progress.running[key],
      talos: version,
      ...(kubernetes !== undefined && { kubernetes }),
      pushed: "",
      confirmed: runs,
      running: runs,
      drift: [],
    };
    const seen = `Talos ${version}${kubernetes === undefined ? "" : ` with Kubernetes ${kubernetes}`}`;
    const wanted = `Talos ${declared.talos} with Kubernetes ${declared.kubernetes}`;
    const fix = "declare what runs, or run the update again: its preview shows the steps from here to there";
    return [`${propertyPath("nodes", key)}: ${seen} runs and ${wanted} is declared (${fix})`];
  });
}
