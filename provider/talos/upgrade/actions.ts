/** What is done to a node on its way to another image, one function a step. */
import { dump } from "js-yaml";
import type { ReleaseStep } from "../../../components/talos/ClusterRelease";
import { WaitTimeout } from "../../wait";
import { serverGate } from "../apiserver";
import { Diagnosed } from "../diagnosed";
import { etcdGate, handOnLeadership } from "../gate";
import { leaderOf } from "../plan";
import { documents, fingerprint } from "../yaml";
import { drain, patiently, uncordon } from "./drain";
import { type Verdict, verdict } from "./verdict";
import { expectationOf, installsApart, kubernetesNode, sightOf, type Visit } from "./visit";

/** What was done, in a few words; `undefined` if there was nothing to do. */
type Action = (visit: Visit) => Promise<string | undefined>;

export const actions = {
  async gate(visit) {
    const { cluster, key } = visit;
    visit.leads = leaderOf(await etcdGate(cluster, `around the upgrade of ${key}`)) === key;
    return "etcd is whole";
  },

  /** Brings the image onto the node; where that can be done apart from the reboot, into its other slot. */
  async install(visit) {
    const { cluster, key, image, bootId } = visit;
    const { talos, kubernetes } = cluster;
    const { address } = cluster.node(key);
    if (!installsApart(visit)) {
      await talos.pull(address, image);
      return `${image} is on the node`;
    }
    const node = await kubernetesNode(visit);
    if (node?.mark?.installed?.image === image) return `${image} lies in the other slot already`;
    await cluster.audit("upgrade", key, `installs ${image} into the other slot`);
    await talos.install(address, image);
    if (node !== undefined) {
      const mark = { cordoned: node.mark?.cordoned ?? false, installed: { image, bootId } };
      await patiently(cluster, `${key} is marked`, () => kubernetes.setMark(node.name, mark));
    }
    return `${image} lies in the other slot`;
  },

  /** A leader that just goes leaves etcd without writes until the others have noticed. */
  async forfeit(visit) {
    const { cluster, key } = visit;
    if (!visit.leads || cluster.controlPlanes.length === 1) return undefined;
    return handOnLeadership(cluster, key);
  },

  drain,

  async reboot(visit) {
    const { cluster, key, image, hop, bootId } = visit;
    const { talos } = cluster;
    const { address } = cluster.node(key);
    await cluster.audit("upgrade", key, `boots Talos ${hop.to}, from ${hop.from}`);
    if (installsApart(visit)) await talos.reboot(address);
    else {
      const node = await kubernetesNode(visit);
      if (node !== undefined) {
        const mark = { cordoned: node.mark?.cordoned ?? false, installed: { image, bootId } };
        await patiently(cluster, `${key} is marked`, () => cluster.kubernetes.setMark(node.name, mark));
      }
      await talos.installAndReboot(address, image);
    }
    return `told to boot Talos ${hop.to}`;
  },

  async verify(visit) {
    const { cluster, key, hop } = visit;
    const expected = expectationOf(visit);
    let last: Verdict | undefined;
    try {
      await cluster.wait(`${key} runs Talos ${hop.to}`, cluster.upgradeSeconds, async () => {
        last = verdict(await sightOf(visit, expected), expected);
        if (last?.final) throw new Diagnosed(last);
        return last === undefined ? { done: true } : { missing: last.what };
      });
    } catch (error) {
      // What was installed has been tried: the next run installs anew.
      if (last?.final) await forgetInstalled(visit);
      if (error instanceof WaitTimeout && last !== undefined) throw new Diagnosed(last);
      throw error;
    }
    await serves(visit);
    return `runs Talos ${hop.to}, verified`;
  },

  uncordon,

  /** An installation from the configuration would bring the old image back: it names the new one as soon as that runs. */
  async record(visit) {
    const { cluster, key, image } = visit;
    const { talos, signal } = cluster;
    const { address } = cluster.node(key);
    const runs = await talos.configuration(address, signal);
    const wanted = await talos.render(runs, [installPatch(runs, image)], signal);
    if (fingerprint(wanted) === fingerprint(runs)) return undefined;
    await cluster.audit("configure", key, "names the running image for an installation");
    await talos.apply(address, wanted);
    await cluster.wait(`${key} names the running image`, cluster.readySeconds, async () => {
      const now = fingerprint(await talos.configuration(address, signal));
      return now === fingerprint(wanted) ? { done: true } : { missing: "it still names another" };
    });
    return `an installation would use ${image}`;
  },
} satisfies { readonly [name in ReleaseStep["action"]]?: Action };

/** A control plane is back when its own API server is: the next one takes its own away. */
async function serves({ cluster, key }: Visit): Promise<void> {
  try {
    await serverGate(cluster, key);
  } catch (error) {
    if (!(error instanceof WaitTimeout)) throw error;
    const todo = "mend that, or set back what was changed, then run again";
    throw new Diagnosed({ diagnosis: "api-down", what: `its own API server is not up: ${error.last}`, todo });
  }
}

/** Installers of both forms name their image. */
function installPatch(configuration: string, image: string): string {
  const unattended = documents(configuration).some((document) => {
    return (document as { readonly kind?: unknown } | null)?.kind === "UnattendedInstallConfig";
  });
  return unattended
    ? dump({ apiVersion: "v1alpha1", kind: "UnattendedInstallConfig", installer: { image } })
    : dump({ machine: { install: { image } } });
}

/** An earlier run told the node to boot this image, and it is back on the old one: said once, then tried again. */
export async function revertedBefore(visit: Visit): Promise<void> {
  const { hop, image, bootId } = visit;
  const node = await kubernetesNode(visit);
  const installed = node?.mark?.installed;
  if (installed?.image !== image || installed.bootId === bootId) return;
  await forgetInstalled(visit);
  throw new Diagnosed({
    diagnosis: "reverted",
    what: `an earlier run booted Talos ${hop.to} on it, and it came back with Talos ${hop.from} from its old slot`,
    todo: "read why on its console or in talosctl dmesg; a run after that tries again",
  });
}

export async function forgetInstalled(visit: Visit): Promise<void> {
  const node = await kubernetesNode(visit);
  if (node?.mark?.installed === undefined) return;
  const { cordoned } = node.mark;
  await patiently(visit.cluster, `${visit.key} is marked`, () =>
    visit.cluster.kubernetes.setMark(node.name, cordoned ? { cordoned } : undefined),
  );
}

/** Steps of a node in a hop, after its image is there. */
export const STEPS: { readonly [type in "controlplane" | "worker"]: readonly (keyof typeof actions)[] } = {
  controlplane: ["gate", "drain", "gate", "forfeit", "reboot", "verify", "uncordon", "record", "gate"],
  worker: ["drain", "reboot", "verify", "uncordon", "record"],
};
