/** Brings to its end what an earlier run, killed in between, began on nodes that run the wanted image by now. */
import { sentence } from "../../host/failure";
import { checkpoint } from "../../wait";
import type { Cluster } from "../cluster";
import type { Progress } from "../progress";
import { turn } from "../turn";
import { actions, forgetInstalled } from "./actions";
import { Halt } from "./halt";
import type { ReleaseHop } from "./route";
import { beginVisit } from "./visit";

/** Steps of a node after its reboot. */
const REST = ["verify", "uncordon", "record"] as const;

export async function settle(cluster: Cluster, hops: readonly ReleaseHop[], progress: Progress): Promise<void> {
  const nodes = await cluster.wait("the Kubernetes API answers", cluster.readySeconds, async () => ({
    done: await cluster.kubernetes.nodes(cluster.signal),
  }));
  const ahead = new Set(hops.flatMap((hop) => (hop.axis === "talos" ? hop.nodes : [])));
  for (const key of cluster.keys) {
    const { address, hostname } = cluster.node(key);
    const installed = nodes.find(({ name }) => name === hostname)?.mark?.installed;
    const version = progress.running[key]?.talos;
    if (installed === undefined || version === undefined || ahead.has(key)) continue;
    const hop = { axis: "talos", from: version, to: version, nodes: [key], etcdFormat: false } as const;
    const visit = await beginVisit(cluster, hop, key, installed);
    // Not booted since: the image lies in the other slot, and nobody wants it any more.
    if ((await cluster.talos.bootId(address, cluster.signal)) === installed.bootId) await forgetInstalled(visit);
    else for (const step of REST) await settled(step, visit, progress);
  }
}

async function settled(
  step: (typeof REST)[number],
  visit: Awaited<ReturnType<typeof beginVisit>>,
  progress: Progress,
): Promise<void> {
  checkpoint(visit.cluster.signal);
  try {
    const detail = await turn(visit.cluster, visit.key, step, () => actions[step](visit));
    if (detail !== undefined) progress.note(visit.key, step, "done", detail);
  } catch (error) {
    progress.note(visit.key, step, "failed", visit.cluster.context.redact(sentence(error)));
    throw new Halt(new Map([[visit.key, error]]), [], []);
  }
}
