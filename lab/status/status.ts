import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { Instance } from "../instance/instance";
import { descendants } from "../process";
import type { RackStatus } from "../rack/control";
import { netboxUrl } from "../rack/netbox";
import { rackControl, runningRack } from "../rack/rack";
import { type Ingredients, readIngredients } from "./ingredients";

/** Everything there is to say about an instance; `lab status --json` prints it as it is. */
export interface LabStatus {
  readonly instance: string;
  readonly folder: string;
  /** Its loopback network; undefined when there is no such instance. */
  readonly network?: string;
  readonly stackFile?: string;
  readonly running: boolean;
  readonly machines: RackStatus["machines"];
  readonly clusters: NonNullable<RackStatus["clusters"]>;
  /** Kubernetes Nodes as the API server tells; absent when it does not answer. */
  readonly nodes?: readonly NodeStatus[];
  /** Calls that a simulated machine did not know, since it was switched on. */
  readonly unimplemented: NonNullable<RackStatus["unimplemented"]>;
  readonly ingredients?: Ingredients;
  /** URL of the instance's NetBox; absent when the site has none or it does not run. */
  readonly netbox?: string;
  /** Memory of all processes of the lab, shared pages counted once, in MiB. */
  readonly memoryMiB: number;
}

/** One Kubernetes Node. */
export interface NodeStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly version: string;
}

/** Looks at an instance without changing anything. */
export async function labStatus(instance: Instance): Promise<LabStatus> {
  const record = instance.read();
  const ingredients = readIngredients(instance);
  const rack = runningRack(instance);
  const netbox = netboxUrl(instance);
  const common = {
    instance: instance.name,
    folder: instance.folder,
    ...(record === undefined ? {} : { network: `${record.subnet}.0/24`, stackFile: record.source }),
    ...(ingredients === undefined ? {} : { ingredients }),
    ...(netbox === undefined ? {} : { netbox }),
  };
  if (rack === undefined) {
    return { ...common, running: false, machines: [], clusters: [], unimplemented: [], memoryMiB: 0 };
  }
  const [status, nodes] = await Promise.all([
    rackControl(instance).status(),
    ingredients === undefined ? undefined : kubernetesNodes(instance, ingredients),
  ]);
  return {
    ...common,
    running: true,
    machines: status.machines,
    clusters: status.clusters ?? [],
    ...(nodes === undefined ? {} : { nodes }),
    unimplemented: status.unimplemented ?? [],
    memoryMiB: memory([rack.pid, ...descendants(rack.pid).map((id) => id.pid)]),
  };
}

async function kubernetesNodes(instance: Instance, { tools }: Ingredients): Promise<NodeStatus[] | undefined> {
  const kubectl = tools.kubectl?.path;
  if (kubectl === undefined || !existsSync(instance.kubeconfig)) return undefined;
  const args = ["--kubeconfig", instance.kubeconfig, "--request-timeout=5s", "get", "nodes", "-o", "json"];
  try {
    const { stdout } = await promisify(execFile)(kubectl, args, { timeout: 10_000, maxBuffer: 64 * 2 ** 20 });
    const { items }: { items: NodeObject[] } = JSON.parse(stdout);
    return items.map((node) => ({
      name: node.metadata.name,
      ready: node.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
      version: node.status.nodeInfo?.kubeletVersion ?? "",
    }));
  } catch {
    // No answer is an answer: the API server is away.
    return undefined;
  }
}

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly nodeInfo?: { readonly kubeletVersion?: string };
  };
}

/** Proportional memory of processes, in MiB. */
function memory(pids: readonly number[]): number {
  let kilobytes = 0;
  for (const pid of pids) {
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      // Gone since it was listed.
    }
  }
  return Math.round(kilobytes / 1024);
}
