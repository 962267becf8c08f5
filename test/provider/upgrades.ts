/** Other images, reboots and drains of the cluster in memory, its faults, and a watcher of what must never happen. */
import { parse, stringify } from "yaml";
import type { Problem } from "../../components/problem";
import type { Snapshots } from "../../provider/drivers";
import type { Kubernetes, KubernetesPod } from "../../provider/kubernetes/kubernetes";
import { kubeletVersion } from "../../provider/talos/yaml";
import { type Talos, TalosError, type TalosService } from "../../provider/talosctl/talos";
import type { FakeCluster, FakeNode } from "./cluster";

export interface Image {
  readonly talos: string;
  readonly schematic: string | undefined;
}

/** What is wrong with a machine on purpose. */
export type MachineFault =
  /** The new slot does not come up: it boots the old one again. */
  | "boot-failure"
  /** It takes the image and the order to reboot, and stays up. */
  | "no-reboot"
  /** It comes up in maintenance mode. */
  | "lost-configuration"
  /** It does not come back. */
  | "off"
  /** Its image holds another Talos than its name says. */
  | "wrong-image"
  /** Its image is made of something else than its name says. */
  | "wrong-schematic"
  /** Its etcd does not start. */
  | "etcd-down"
  /** Its kubelet does not come up. */
  | "not-ready"
  /** Its etcd member is another one afterwards. */
  | "member-replaced"
  /** A service of it waits for something. */
  | "service-down"
  /** Nothing more fits on its disk. */
  | "disk-full"
  /** Its certificate is of another cluster afterwards. */
  | "foreign";

/** Looks that a machine does not answer while it reboots. */
const REBOOT = 2;

export class Upgrades {
  readonly faults = new Map<string, MachineFault>();
  /** Whether control planes and workers may reboot together. */
  together = false;
  /** Calls that a machine refuses as not authorised after its reboot. */
  denied = 0;
  private readonly denies = new Map<string, number>();
  /** Pods by Node name, and budgets that hold some of them. */
  readonly pods = new Map<string, readonly KubernetesPod[]>();
  readonly held = new Set<string>();
  /** Problems of the store, and an error of the next snapshot. */
  storeProblems: readonly Problem[] = [];
  snapshotFails: Error | undefined;
  readonly taken: string[] = [];
  /** What the store tells of each of them. */
  private readonly shelf: { readonly name: string; readonly step: string; readonly at: string }[] = [];
  /** Kubelets that Kubernetes' upgrade still changes before it fails. */
  kubernetesStopsAfter: number | undefined;
  /** Installations and reboots in order, as `install cp-1 v1.13.9`. */
  readonly acts: string[] = [];
  /** What must never happen, and did. */
  readonly violations: string[] = [];
  /** Calls of any driver so far, and the one before which the process is killed. */
  calls = 0;
  killAt: number | undefined;
  onKilled: () => void = () => undefined;

  constructor(private readonly cluster: FakeCluster) {}

  /** The driver of a process that may be killed before any call; the world goes on without it. */
  mortal<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const member = Reflect.get(object, name);
        if (typeof member !== "function") return member;
        return async (...args: readonly unknown[]) => {
          if (this.killAt !== undefined && this.calls >= this.killAt) {
            this.onKilled();
            throw new Error("killed");
          }
          this.calls++;
          this.watchQuorum();
          return member.apply(object, args);
        };
      },
    });
  }

  isDown(node: FakeNode): boolean {
    if (node.rebooting > 0) {
      node.rebooting--;
      return true;
    }
    const left = this.denies.get(node.key) ?? 0;
    if (left > 0) {
      this.denies.set(node.key, left - 1);
      throw new TalosError("denied", node.address, "not authorized");
    }
    if (node.boots > 1 && this.faults.get(node.key) === "foreign") {
      throw new TalosError("foreign", node.address, "x509: certificate signed by unknown authority");
    }
    return false;
  }

  talos(): Pick<Talos, "services" | "pull" | "install" | "installAndReboot" | "reboot" | "upgradeKubernetes"> {
    const { cluster } = this;
    return {
      services: async (address): Promise<readonly TalosService[]> => {
        const down = this.faults.get(cluster.reach(address).key) === "service-down";
        return [
          { id: "kubelet", state: "Running", healthy: true },
          { id: "ext-iscsid", state: down ? "Waiting" : "Running", healthy: undefined },
        ];
      },
      pull: async (address, image) => {
        this.room(cluster.reach(address));
        imageOf(image);
      },
      install: async (address, image) => {
        const node = cluster.reach(address);
        this.room(node);
        this.acts.push(`install ${node.key} ${imageOf(image).talos}`);
        node.other = imageOf(image);
      },
      installAndReboot: async (address, image) => {
        const node = cluster.reach(address);
        this.room(node);
        this.acts.push(`install ${node.key} ${imageOf(image).talos}`);
        node.other = imageOf(image);
        this.boot(node);
      },
      reboot: async (address) => this.boot(cluster.reach(address)),
      upgradeKubernetes: async (address, version) => {
        cluster.reach(address);
        let left = this.kubernetesStopsAfter ?? Number.POSITIVE_INFINITY;
        this.acts.push(`kubernetes ${version}`);
        for (const node of cluster.nodes.values()) {
          if (left-- <= 0) throw new TalosError("other", address, "upgrade-k8s: timed out waiting for kubelet");
          node.kubelet = version;
          const { machine, ...rest } = parse(node.configuration ?? "") as { machine: { kubelet?: object } };
          const image = `ghcr.io/siderolabs/kubelet:${version}`;
          const kubelet = { ...machine.kubelet, image };
          node.configuration = stringify({ ...rest, machine: { ...machine, kubelet } });
        }
      },
    };
  }

  kubernetes(): Pick<Kubernetes, "setMark" | "evictable" | "evict"> {
    return {
      setMark: async (name, mark, unschedulable) => {
        const node = [...this.cluster.nodes.values()].find(({ hostname }) => hostname === name);
        if (node === undefined) throw new Error(`there is no Node ${name}`);
        node.mark = mark;
        node.unschedulable = unschedulable ?? node.unschedulable;
      },
      evictable: async (name) => this.pods.get(name) ?? [],
      evict: async ({ uid }) => {
        if (this.held.has(uid)) return "a disruption budget holds it";
        for (const [name, pods] of this.pods) {
          this.pods.set(
            name,
            pods.filter((pod) => pod.uid !== uid),
          );
        }
        return undefined;
      },
    };
  }

  snapshots(): Snapshots {
    return {
      check: async () => this.storeProblems,
      earlier: async ({ step: { axis, from }, since = "" }) =>
        this.shelf.find(({ step, at }) => step === `${axis} ${from}` && at >= since)?.name,
      take: async ({ node, before }) => {
        this.cluster.reach(node);
        if (this.snapshotFails !== undefined) throw this.snapshotFails;
        const name = `snapshot-${this.taken.length + 1}`;
        this.taken.push(name);
        const at = new Date().toISOString();
        this.shelf.push({ name, step: `${before?.axis} ${before?.from}`, at });
        return { name, at, revision: 42, hash: "00000000", bytes: 1, members: [], store: "/mnt" };
      },
    };
  }

  /** Kubernetes is changed by its own upgrade, never by a configuration. */
  watchApplied(node: FakeNode, configuration: string): void {
    const named = kubeletVersion(configuration);
    if (named === undefined || named === node.kubelet) return;
    this.violations.push(`a configuration brings Kubernetes ${named} to ${node.key}, which runs ${node.kubelet}`);
  }

  private room(node: FakeNode): void {
    if (this.faults.get(node.key) === "disk-full") {
      throw new TalosError("other", node.address, "write /var: no space left on device");
    }
  }

  private boot(node: FakeNode): void {
    const fault = this.faults.get(node.key);
    if (fault === "no-reboot") return;
    const next = node.other;
    this.acts.push(`boot ${node.key} ${next?.talos ?? node.talos}`);
    node.boots++;
    node.rebooting = fault === "off" ? Number.POSITIVE_INFINITY : REBOOT;
    this.denies.set(node.key, this.denied);
    if (fault === "not-ready") node.ready = false;
    if (fault === "etcd-down") node.etcd = false;
    if (fault === "member-replaced") node.machines = 2;
    if (fault === "lost-configuration") node.configuration = undefined;
    if (node.leader && this.cluster.members.length > 1) {
      this.violations.push(`${node.key} leads etcd and reboots`);
      this.elect(node);
    }
    const others = [...this.cluster.nodes.values()].filter((each) => each !== node && each.rebooting > 0);
    if (!this.together && others.some(({ type }) => type !== node.type)) {
      this.violations.push("a control plane and a worker reboot at the same time");
    }
    if (next === undefined || fault === "boot-failure") return;
    node.other = { talos: node.talos, schematic: node.schematic };
    node.talos = fault === "wrong-image" ? "v1.13.7" : next.talos;
    node.schematic = fault === "wrong-schematic" ? "0".repeat(64) : next.schematic;
  }

  private elect(from: FakeNode): void {
    const next = this.cluster.members.find((each) => each !== from && each.rebooting === 0);
    if (next === undefined) return;
    from.leader = false;
    next.leader = true;
  }

  private watchQuorum(): void {
    const { members } = this.cluster;
    const up = members.filter(({ rebooting }) => rebooting === 0).length;
    if (members.length >= 3 && up <= members.length / 2) this.violations.push("etcd has lost its quorum");
  }
}

/** What a reference such as `factory.talos.dev/metal-installer/<schematic>:v1.13.0` names. */
function imageOf(reference: string): Image {
  const [, schematic, talos] = /\/([0-9a-f]{64}):(v\d+\.\d+\.\d+)$/.exec(reference) ?? [];
  if (talos === undefined) throw new TalosError("invalid", "", `invalid installer image reference ${reference}`);
  return { talos, schematic };
}
