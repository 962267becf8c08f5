/** A Talos cluster in memory, behind the provider's driver interfaces: enough of one to test what is decided above. */
import { readFileSync, writeSync } from "node:fs";
import { parse, stringify } from "yaml";
import type { Drivers } from "../../provider/drivers";
import type { Endpoint } from "../../provider/kubernetes/endpoint";
import type { Kubernetes, KubernetesLease, NodeMark, NodeTaints } from "../../provider/kubernetes/kubernetes";
import { fingerprint } from "../../provider/talos/yaml";
import { type EtcdStatus, type Talos, TalosError } from "../../provider/talosctl/talos";
import { Recorder } from "./faults";
import { type Image, Upgrades } from "./upgrades";

export interface FakeNode {
  readonly key: string;
  readonly address: string;
  readonly hostname: string;
  readonly type: "controlplane" | "worker";
  configuration: string | undefined;
  talos: string;
  kubelet: string;
  boots: number;
  etcd: boolean;
  ready: boolean;
  leader: boolean;
  /** Boot that its kubelet has reported to Kubernetes; it does so some time after the boot. */
  reported: number;
  /** Schematic of the image that runs, and what lies in the other slot. */
  schematic: string | undefined;
  other: Image | undefined;
  /** Questions that it does not answer because it reboots. */
  rebooting: number;
  unschedulable: boolean;
  mark: NodeMark | undefined;
  /** Whether nobody answers there. @default false */
  down?: boolean;
  /** How many of its next installations lose their power half-way. @default 0 */
  cuts?: number;
  /** How many machines have stood at its address. @default 1 */
  machines?: number;
  /** Configuration that its API server was started with; it follows the machine's one look later. */
  served?: string | undefined;
}

type Tree = { [key: string]: unknown };

/** Strategic merge as far as these tests need it: objects deeply, everything else replaced. */
export function merge(base: Tree, patch: Tree): Tree {
  const result: Tree = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    const old = result[key];
    const deep = isTree(old) && isTree(value);
    result[key] = deep ? merge(old, value) : value;
  }
  return result;
}

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

export class FakeCluster {
  readonly nodes = new Map<string, FakeNode>();
  readonly recorder = new Recorder(
    ({ name, args }) => new TalosError("unreachable", String(args[0]), `${name}: connection refused by ${SECRET}`),
  );
  readonly events: string[] = [];
  lease: KubernetesLease | undefined;
  /** Names of Node objects that were deleted, in order. */
  readonly forgotten: string[] = [];
  /** Calls of `apply` in order, as node keys. */
  readonly applied: string[] = [];
  /** Called after each `apply`. */
  onApplied: () => void = () => undefined;
  /** Paths of a machine configuration whose change reboots. */
  rebootsFor = "sysctls";
  /** Talos in a node's other slot, for nodes whose boot loader takes that one at the next boot. */
  readonly otherSlot = new Map<string, string>();
  /** Everything about other images. */
  readonly upgrades = new Upgrades(this);
  /** Taints of Nodes by name, once somebody has set any. */
  readonly taints = new Map<string, NodeTaints>();
  ghost = false;
  /** CA of the machines' certificates. */
  ca = "-----BEGIN CERTIFICATE-----";
  /** Text in a machine configuration that no API server starts with. */
  badArgument = "no-such-flag";
  /** Addresses whose API server nobody can see from here. */
  readonly firewalled = new Set<string>();
  /** URLs at which an API server was looked for, in order. */
  readonly looked: string[] = [];
  /** Where API servers listen. */
  apiPort: number | undefined;
  /** Nobody without credentials sees the machines. */
  hidden = false;
  /** Another cluster's API answers at the endpoint. */
  stranger = false;
  /** etcd's leader stays leader whatever it is told. */
  clings = false;
  /** Called before taints are written, as somebody else might do something then. */
  onTaints: () => void = () => {};
  /** Machines whose next reset stops once they are out of etcd, which leaves them up. */
  failsToReset: string[] = [];
  alarm: string | undefined;
  /** What a snapshot of etcd holds. */
  etcdBytes: Buffer = Buffer.alloc(0);
  /** What etcd was started from. */
  recovered: Buffer | undefined;
  /** Wiped machines with what was wiped, in order. */
  readonly wiped: string[] = [];
  /** Runs in the middle of a snapshot. */
  onSnapshot: () => void = () => undefined;
  /** Errors that every member of etcd reports. */
  statusErrors: readonly string[] = [];
  /** Version of the talosctl on this host; `undefined` without one. */
  talosctl: string | undefined = "v1.14.1";

  /** Members of etcd whose machine is no more. */
  readonly lost: ReturnType<typeof member>[] = [];
  /** Keys of machines that were given their first configuration, in order. */
  readonly installed: string[] = [];
  /** Whether etcd was ever without a majority of its members. */
  quorumLost = false;

  add(node: Pick<FakeNode, "key" | "address" | "hostname" | "type"> & Partial<FakeNode>): this {
    this.nodes.set(node.address, {
      configuration: undefined,
      talos: "v1.13.0",
      kubelet: "v1.36.3",
      boots: 1,
      etcd: false,
      ready: true,
      leader: false,
      reported: 1,
      schematic: undefined,
      other: undefined,
      rebooting: 0,
      unschedulable: false,
      mark: undefined,
      ...node,
    });
    return this;
  }

  private taintsOf(name: string): NodeTaints {
    return this.taints.get(name) ?? { taints: [], noted: undefined };
  }

  byKey(key: string): FakeNode {
    const node = [...this.nodes.values()].find((each) => each.key === key);
    if (node === undefined) throw new Error(`no node ${key}`);
    return node;
  }

  /** Pulls a machine's plug. */
  kill(key: string): void {
    Object.assign(this.byKey(key), { down: true, leader: false });
    this.elect();
  }

  /** Another, empty machine takes the place of this one. */
  replace(key: string): void {
    const node = this.byKey(key);
    if (node.etcd) this.lost.push(memberOf(node));
    Object.assign(node, { configuration: undefined, etcd: false, leader: false, down: false, reported: 0 });
    node.machines = (node.machines ?? 1) + 1;
    this.elect();
  }

  private elect(): void {
    const next = this.members.find(({ down }) => down !== true);
    if (next !== undefined && !this.members.some(({ leader }) => leader)) next.leader = true;
    if (!this.hasQuorum) this.quorumLost = true;
  }

  private get hasQuorum(): boolean {
    const voters = this.members.length + this.lost.length;
    return voters === 0 || this.members.filter(({ down }) => down !== true).length > voters / 2;
  }

  private needQuorum(address: string): void {
    if (!this.hasQuorum) throw new TalosError("other", address, "etcdserver: no leader");
  }

  get drivers(): Drivers {
    const mutating = new Set([
      ...["apply", "applyFirst", "forfeitLeadership", "bootstrap", "recover", "wipe", "reset"],
      ...["deleteNode", "etcdRemoveMember"],
      ...["install", "installAndReboot", "reboot", "upgradeKubernetes"],
    ]);
    const { upgrades } = this;
    return {
      talos: () => upgrades.mortal(this.recorder.wrap({ ...this.talos(), ...upgrades.talos() }, mutating)),
      probe: async (address, ca) => {
        const node = this.nodes.get(address);
        if (node === undefined || this.hidden) return "absent";
        if (node.configuration === undefined) return "maintenance";
        return ca === this.ca ? "ours" : "foreign";
      },
      talosctlVersion: async () => this.talosctl,
      kubernetes: () => upgrades.mortal({ ...this.kubernetes(), ...upgrades.kubernetes() }),
      endpoint: this.recorder.wrap(this.endpoint(), mutating),
      snapshots: upgrades.mortal(upgrades.snapshots()),
      pollMs: 1,
    };
  }

  /** Whether its own API server cannot run. */
  isBroken(node: FakeNode): boolean {
    return node.down === true || node.configuration?.includes(this.badArgument) === true;
  }

  snapshot(): unknown {
    return [...this.nodes.values()].map(({ boots: _, reported: __, served: ___, ...node }) => node);
  }

  reach(address: string): FakeNode {
    const node = this.nodes.get(address);
    if (node === undefined || node.down || this.upgrades.isDown(node)) {
      throw new TalosError("unreachable", address, "connection refused");
    }
    if (node.configuration === undefined) throw new TalosError("maintenance", address, "in maintenance mode");
    return node;
  }

  get members(): readonly FakeNode[] {
    return [...this.nodes.values()].filter(({ etcd }) => etcd);
  }

  private talos(): Omit<Talos, keyof ReturnType<Upgrades["talos"]>> {
    const cluster = this;
    return {
      version: async (address) => cluster.reach(address).talos,
      schematic: async (address) => cluster.reach(address).schematic,
      configuration: async (address) => cluster.reach(address).configuration ?? "",
      bootId: async (address) => `boot-${cluster.reach(address).boots}`,
      apiServerConfig: async (address) => {
        const version = fingerprint(cluster.reach(address).configuration ?? "");
        return { version, ...(cluster.apiPort !== undefined && { port: cluster.apiPort }) };
      },
      stage: async (address) => {
        cluster.reach(address);
        return "running";
      },
      etcdState: async (address) => (cluster.reach(address).etcd ? "Running" : "Preparing"),
      async etcdMembers(address) {
        cluster.reach(address);
        const members = [...cluster.members.map(memberOf), ...cluster.lost];
        return cluster.ghost ? [...members, member("10.9.9.9", "ghost")] : members;
      },
      async etcdStatus(address): Promise<EtcdStatus> {
        const node = cluster.reach(address);
        if (!node.etcd) throw new TalosError("not-ready", address, "etcd is not running");
        const leader = cluster.members.find((each) => each.leader);
        const seen = leader === undefined || !cluster.hasQuorum ? "0" : memberOf(leader).id;
        return { member: memberOf(node).id, leader: seen, learner: false, errors: cluster.statusErrors };
      },
      async etcdRemoveMember(address, id) {
        cluster.reach(address);
        cluster.needQuorum(address);
        const place = cluster.lost.findIndex((each) => each.id === id);
        if (place >= 0) cluster.lost.splice(place, 1);
        for (const node of cluster.members.filter((each) => memberOf(each).id === id)) node.etcd = false;
        cluster.elect();
      },
      etcdAlarms: async () => (cluster.alarm === undefined ? [] : [cluster.alarm]),
      async forfeitLeadership(address) {
        const node = cluster.reach(address);
        const next = cluster.members.find((each) => each !== node);
        if (next === undefined || !node.leader || cluster.clings) return;
        node.leader = false;
        next.leader = true;
      },
      async etcdSnapshot(address, into) {
        if (!cluster.reach(address).etcd) throw new TalosError("not-ready", address, "etcd is not running");
        writeSync(into, cluster.etcdBytes, 0, cluster.etcdBytes.length, 0);
        cluster.onSnapshot();
      },
      async recover(address, from) {
        const node = cluster.reach(address);
        if (node.etcd) throw new TalosError("exists", address, "etcd data directory is not empty");
        cluster.recovered = readFileSync(`/proc/self/fd/${from}`);
        for (const each of cluster.nodes.values()) if (each.type === "controlplane") each.etcd = true;
        node.leader = true;
      },
      async wipe(address, labels) {
        const node = cluster.reach(address);
        cluster.wiped.push(`${node.key} ${labels.join(",")}`);
        Object.assign(node, { etcd: false, leader: false, boots: node.boots + 1 });
      },
      async bootstrap(address) {
        const node = cluster.reach(address);
        if (node.etcd) throw new TalosError("exists", address, "etcd data directory is not empty");
        node.etcd = true;
        node.leader = true;
        for (const each of cluster.nodes.values()) if (each.type === "controlplane") each.etcd = true;
      },
      async apply(address, configuration) {
        const node = cluster.reach(address);
        const changed = configuration !== node.configuration;
        cluster.upgrades.watchApplied(node, configuration);
        const reboots =
          changed && configuration.includes(cluster.rebootsFor) !== node.configuration?.includes(cluster.rebootsFor);
        node.configuration = configuration;
        cluster.applied.push(node.key);
        cluster.onApplied();
        if (reboots) {
          node.boots++;
          node.talos = cluster.otherSlot.get(node.key) ?? node.talos;
        }
        return { reboots };
      },
      async applyFirst(address, configuration) {
        const node = cluster.nodes.get(address);
        if (node === undefined || node.down) throw new TalosError("unreachable", address, "connection refused");
        if (node.configuration !== undefined) throw new TalosError("foreign", address, "certificate required");
        if ((node.cuts ?? 0) > 0) {
          node.cuts = (node.cuts ?? 0) - 1;
          node.rebooting = 1;
          return;
        }
        node.configuration = configuration;
        node.ready = true;
        cluster.installed.push(node.key);
        // etcd takes no second member at an address.
        const taken = cluster.lost.some(({ peerUrls }) => peerUrls.includes(`https://${address}:2380`));
        if (node.type === "controlplane" && !taken && cluster.hasQuorum) node.etcd = true;
      },
      async reset(address, { graceful }) {
        const node = cluster.reach(address);
        if (graceful && node.etcd && cluster.members.length === 1) {
          throw new TalosError("other", address, "the last member cannot leave");
        }
        if (graceful && node.etcd) cluster.needQuorum(address);
        const fails = cluster.failsToReset.indexOf(node.key);
        if (fails >= 0) {
          cluster.failsToReset.splice(fails, 1);
          node.etcd = false;
          return;
        }
        Object.assign(node, { configuration: undefined, etcd: false, leader: false, ready: false });
        cluster.elect();
      },
      async inMaintenance(address) {
        const node = cluster.nodes.get(address);
        return node !== undefined && !node.down && node.configuration === undefined;
      },
      async render(configuration, patches) {
        const base = parse(configuration) as Tree;
        return stringify(patches.map((patch) => parse(patch) as Tree).reduce(merge, base));
      },
    };
  }

  /** Faults are enumerated over the Talos API; here an outage of the whole world counts too. */
  private kubernetes(): Omit<Kubernetes, keyof ReturnType<Upgrades["kubernetes"]>> {
    const cluster = this;
    const up = (): void => {
      if (cluster.recorder.outage !== undefined) throw cluster.recorder.outage;
      if (cluster.members.length === 0) throw new Error("connection refused");
    };
    return {
      async nodes() {
        up();
        return (
          [...cluster.nodes.values()]
            // A Node stays behind a machine that lost its configuration, and is none before it ever had one.
            .filter(({ configuration, boots }) => configuration !== undefined || boots > 1)
            .map((node) => {
              const { hostname: name, ready, kubelet, unschedulable, mark, address } = node;
              const bootId = `boot-${node.reported}`;
              // The next look finds a kubelet that has reported its boot.
              if (node.rebooting === 0) node.reported = node.boots;
              return {
                ...{ name, kubelet, bootId, unschedulable, addresses: [address] },
                ...{
                  ready: ready && node.rebooting === 0 && node.configuration !== undefined,
                  reason: "kubelet is stopped",
                },
                ...(mark !== undefined && { mark }),
                ...cluster.taintsOf(name),
              };
            })
        );
      },
      async staticPod(name) {
        up();
        const node = [...cluster.nodes.values()].find((each) => name === `kube-apiserver-${each.hostname}`);
        if (node === undefined || !node.etcd) return undefined;
        const served = node.served ?? node.configuration;
        node.served = node.configuration;
        const ready = !cluster.isBroken(node);
        return { config: fingerprint(served ?? ""), ready, said: "unknown flag: --no-such-flag", restarts: 0 };
      },
      async setTaints(name, seen, next) {
        up();
        cluster.onTaints();
        const { taints } = cluster.taintsOf(name);
        if (JSON.stringify(taints) !== JSON.stringify(seen.taints)) return false;
        cluster.taints.set(name, next);
        return true;
      },
      async deleteNode(name) {
        up();
        cluster.forgotten.push(name);
      },
      async lease() {
        up();
        return cluster.lease;
      },
      async writeLease(_name, holder, seconds) {
        up();
        cluster.lease = { holder, seconds, renewed: Date.now(), version: `${Number(cluster.lease?.version ?? 0) + 1}` };
        return true;
      },
      async event({ act, target }) {
        up();
        cluster.events.push(`${act} ${target}`);
      },
    };
  }

  private endpoint(): Endpoint {
    return {
      look: async (url) => {
        const { hostname: host, port } = new URL(url);
        const node = this.nodes.get(host);
        if (node !== undefined) {
          this.looked.push(url);
          if (this.firewalled.has(host)) return { state: "away", said: "no answer", silent: true };
          const up = node.etcd && !this.isBroken(node) && Number(port) === (this.apiPort ?? 6443);
          return up ? { state: "ready", said: "" } : { state: "away", said: `connect ECONNREFUSED ${host}:${port}` };
        }
        if (this.stranger) return { state: "foreign", said: "its certificate is not of this cluster" };
        return this.members.length > 0 ? { state: "ready", said: "" } : { state: "away", said: "connection refused" };
      },
    };
  }
}

/** A text that must never be seen outside of the calls themselves. */
export const SECRET = "c2VjcmV0LW9mLXRoZS1jbHVzdGVyLWtleQ";

const idOf = (address: string): string => address.replaceAll(".", "");

/** The member of a node; the next machine at its address is another one. */
const memberOf = ({ address, hostname, machines = 1 }: FakeNode) => ({
  ...member(address, hostname),
  id: idOf(address).repeat(machines),
});

const member = (address: string, hostname: string) => ({
  id: idOf(address),
  hostname,
  peerUrls: [`https://${address}:2380`],
  learner: false,
});
