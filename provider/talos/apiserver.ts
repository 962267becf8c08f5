/** A control plane's own API server: the cluster goes on without it, so nobody but a gate of its own misses it. */
import { pem } from "../kubernetes/endpoint";
import type { StaticPod } from "../kubernetes/kubernetes";
import type { Look } from "../wait";
import type { Cluster } from "./cluster";
import { documents } from "./yaml";

/** Where a Talos serves the Kubernetes API unless it is told otherwise. */
const PORT = 6443;

/**
 * The machine's own API server runs with what its Talos has made of the configuration, and answers. Seen twice: between
 * the configuration that was just applied and the server that dies of it there are moments in which all looks well.
 * Nothing is waited for on a worker.
 */
export async function serverGate(cluster: Cluster, key: string): Promise<void> {
  if (cluster.node(key).type !== "controlplane") return;
  let before: string | undefined;
  await cluster.wait(`the API server of ${key}`, cluster.readySeconds, async () => {
    const earlier = before;
    before = undefined;
    const seen = await lookAtServer(cluster, key);
    if ("missing" in seen || seen.done === earlier) return seen;
    before = seen.done;
    return { missing: "it answers, and is looked at once more" };
  });
}

/** What runs there, as a text that is another one after a restart. */
async function lookAtServer(cluster: Cluster, key: string): Promise<Look<string>> {
  const { kubernetes, signal } = cluster;
  const { address, hostname } = cluster.node(key);
  const { version, rendered, away } = await ask(cluster, key);
  if (!rendered) return { missing: "its Talos has not rendered it yet" };
  const name = `kube-apiserver-${hostname}`;
  if (away !== undefined) {
    // What its kubelet says of it is known to the servers of the others only, if at all.
    const pod = await kubernetes.staticPod(name, signal).catch(() => signal.throwIfAborted());
    const words = pod === undefined ? "" : podProblem(pod, version);
    return { missing: `${away}${words === "" ? "" : `; ${words}`}${where(address)}` };
  }
  const pod = await kubernetes.staticPod(name, signal);
  if (pod === undefined) return { missing: `there is no pod ${name}${where(address)}` };
  const problem = podProblem(pod, version);
  return problem === "" ? { done: `${pod.config} ${pod.restarts}` } : { missing: `${problem}${where(address)}` };
}

/** Whether the machine's own API server is known to be away now. */
export async function isAway(cluster: Cluster, key: string): Promise<boolean> {
  try {
    return (await ask(cluster, key)).away !== undefined;
  } catch {
    cluster.signal.throwIfAborted();
    return false;
  }
}

/** What Talos tells of the server, and why it does not answer at the machine's own address; without a word if it does. */
async function ask(
  cluster: Cluster,
  key: string,
): Promise<{ readonly rendered: boolean; readonly version?: string; readonly away?: string }> {
  const { talos, endpoint, inputs, signal } = cluster;
  const { address, reach } = cluster.node(key);
  const told = await talos.apiServerConfig(address, signal);
  if (told === undefined) return { rendered: false };
  const seen = { rendered: true, ...(told.version !== undefined && { version: told.version }) };
  const ca = authorityOf(inputs.kubeconfig);
  if (ca === undefined) return seen;
  const url = `https://${hostIn(reach ?? address)}:${told.port ?? PORT}`;
  const { state, said, silent } = await endpoint.look(url, ca, signal, { anyName: true });
  // Behind a firewall, or behind an address that leads to the machine for Talos alone, its pod's word has to do.
  const hidden = silent === true || (state === "foreign" && reach !== undefined);
  return state === "ready" || hidden ? seen : { ...seen, away: said };
}

/** What keeps a static pod from being the one that its machine was told to run; empty if nothing does. Pure. */
function podProblem({ config, ready, said }: StaticPod, version: string | undefined): string {
  // Whoever does not say from what the pod was rendered is taken at the pod's word.
  if (version !== undefined && config !== undefined && config !== version)
    return "it still runs as it was before the change";
  return ready ? "" : `its pod is not Ready: ${said}`;
}

function where(address: string): string {
  return `; its own words: talosctl -n ${address} containers -k, then talosctl -n ${address} logs -k ID`;
}

/** IPv6 addresses stand in brackets in a URL. */
function hostIn(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

interface Kubeconfig {
  readonly clusters?: readonly { readonly cluster?: { readonly "certificate-authority-data"?: unknown } }[];
}

/** CA of the API as PEM; `undefined` if the kubeconfig does not carry one. */
function authorityOf(kubeconfig: string): string | undefined {
  const [config] = documents(kubeconfig) as readonly (Kubeconfig | null)[];
  const data = config?.clusters?.[0]?.cluster?.["certificate-authority-data"];
  return typeof data === "string" ? pem(data) : undefined;
}
