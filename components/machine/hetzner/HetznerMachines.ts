import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { imageAssets } from "../../boot/assets";
import type { NodePlan, SitePlan } from "../../site/plan";
import { type ChildOptions, childOptions } from "../child";
import type { MachineLinks, Machines, MachinesArgs, ProvidedMachine, WantedMachine } from "../contract";
import { tellFactory } from "../factory";
import { ofGeneration } from "../generation";
import { TalosInstall } from "../rescue/TalosInstall";
import type { HetznerSpec } from "./spec";

/** Zone that a location's private networks lie in. */
const ZONES: Readonly<Record<HetznerSpec["location"], string>> = {
  ash: "us-east",
  fsn1: "eu-central",
  hel1: "eu-central",
  hil: "us-west",
  nbg1: "eu-central",
  sin: "ap-southeast",
};

/** Servers of one placement group never share a host. */
const SPREAD = 10;

/**
 * Servers at Hetzner Cloud in one private network, which is the site's, optionally behind a load balancer. Talos comes
 * from a snapshot, or is written to the disk from the rescue system, once.
 *
 * The token is the `hcloud` provider's own configuration.
 */
export class HetznerMachines extends pulumi.ComponentResource implements Machines {
  /** @internal */
  static readonly __pulumiType = "plinth:machine:HetznerMachines";

  readonly machines: ReadonlyMap<string, ProvidedMachine>;
  readonly endpoint?: pulumi.Output<string>;

  constructor(name: string, { plan, machines }: MachinesArgs, opts?: pulumi.ComponentResourceOptions) {
    const spec = plan.machines?.hetzner;
    if (spec === undefined) throw new Error("unreachable: a checked site of provider hetzner has its part");
    super(HetznerMachines.__pulumiType, name, { location: spec.location, machines: machines.length }, opts);
    const after = childOptions(this, opts);
    const labels = { plinth: plan.name };
    const network = new hcloud.Network(`${name}-network`, { ipRange: plan.network.cidr, labels }, after());
    const networkId = network.id.apply(Number);
    const subnet = new hcloud.NetworkSubnet(
      `${name}-subnet`,
      { networkId, type: "cloud", networkZone: ZONES[spec.location], ipRange: plan.network.cidr },
      after(),
    );
    const writer = spec.snapshot === undefined ? new Writer(name, plan, labels, this) : undefined;
    const planes = machines.filter(({ node }) => node.type === "controlplane").length;
    const group =
      planes > 1 && planes <= SPREAD
        ? new hcloud.PlacementGroup(`${name}-planes`, { type: "spread", labels }, after())
        : undefined;
    this.machines = new Map(
      machines.map((machine) => [
        machine.node.key,
        this.machine(name, machine, { plan, spec, networkId, subnet, writer, group, after }),
      ]),
    );
    if (spec.loadBalancer !== undefined) {
      const members = [...this.machines.values()].flatMap(({ ready }) => ready);
      const links = members.filter((each) => each instanceof hcloud.ServerNetwork);
      this.endpoint = this.balancer(name, plan, spec, networkId, [subnet, ...links], after);
    }
    this.registerOutputs({});
  }

  private machine(name: string, { node, address }: WantedMachine, around: Surroundings): ProvidedMachine {
    const { plan, spec, networkId, subnet, writer, group, after } = around;
    const server = new hcloud.Server(
      ofGeneration(`${name}-${node.key}`, node.generation),
      {
        name: ofGeneration(`${plan.name}-${node.key}`, node.generation),
        serverType: node.size ?? spec.size,
        location: spec.location,
        labels: { plinth: plan.name, role: node.type },
        ...(writer === undefined
          ? { image: String(spec.snapshot) }
          : { image: "debian-13", rescue: "linux64", sshKeys: [writer.key.id] }),
        ...(group !== undefined && node.type === "controlplane" && { placementGroupId: group.id.apply(Number) }),
      },
      // Used when a server is made: any change of them would replace it, or switch it off with nobody asked.
      {
        ...after(),
        ignoreChanges: [
          ...["image", "rescue", "sshKeys", "userData"],
          ...["serverType", "location", "placementGroupId"],
        ],
      },
    );
    const link = new hcloud.ServerNetwork(
      `${name}-${node.key}-link`,
      { serverId: server.id.apply(Number), networkId, ip: address },
      // The address goes from one generation to the next.
      { ...after(subnet), deleteBeforeReplace: true },
    );
    const written = writer?.write(`${name}-${node.key}-talos`, server, node, link);
    const links = link.macAddress.apply(
      (mac): MachineLinks => ({
        // Its network hands out the address, and routes between servers itself.
        site: { mac, dhcp: true },
        internet: { name: "eth0" },
      }),
    );
    return { reach: server.ipv4Address, links, ready: [server, link, ...(written === undefined ? [] : [written])] };
  }

  /** A load balancer in front of every server that is labelled a control plane. */
  private balancer(
    name: string,
    plan: SitePlan,
    spec: HetznerSpec,
    networkId: pulumi.Output<number>,
    joined: readonly pulumi.Resource[],
    after: ChildOptions,
  ): pulumi.Output<string> {
    const balancer = new hcloud.LoadBalancer(
      `${name}-api`,
      { loadBalancerType: spec.loadBalancer ?? "", location: spec.location, labels: { plinth: plan.name } },
      after(),
    );
    const loadBalancerId = balancer.id.apply(Number);
    // It takes any address that is free: the machines take theirs first.
    const inside = new hcloud.LoadBalancerNetwork(
      `${name}-api-network`,
      { loadBalancerId, networkId },
      after(...joined),
    );
    new hcloud.LoadBalancerTarget(
      `${name}-api-planes`,
      {
        loadBalancerId,
        type: "label_selector",
        labelSelector: `plinth=${plan.name},role=controlplane`,
        usePrivateIp: true,
      },
      after(inside),
    );
    const { port } = plan.endpoint;
    new hcloud.LoadBalancerService(
      `${name}-api-service`,
      {
        loadBalancerId: balancer.id,
        protocol: "tcp",
        listenPort: port,
        destinationPort: port,
        healthCheck: { protocol: "tcp", port, interval: 5, timeout: 3, retries: 3 },
      },
      after(),
    );
    return balancer.ipv4;
  }
}

interface Surroundings {
  readonly plan: SitePlan;
  readonly spec: HetznerSpec;
  readonly networkId: pulumi.Output<number>;
  readonly subnet: hcloud.NetworkSubnet;
  readonly writer: Writer | undefined;
  readonly group: hcloud.PlacementGroup | undefined;
  readonly after: ChildOptions;
}

/** Writes Talos to disks from the rescue system, over SSH with a key made for it. */
class Writer {
  readonly key: hcloud.SshKey;
  private readonly pair: tls.PrivateKey;
  private readonly told: readonly pulumi.Resource[];

  constructor(
    name: string,
    private readonly plan: SitePlan,
    labels: Readonly<Record<string, string>>,
    private readonly parent: pulumi.Resource,
  ) {
    this.pair = new tls.PrivateKey(
      `${name}-rescue`,
      { algorithm: "ED25519" },
      { parent, additionalSecretOutputs: ["privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"] },
    );
    const publicKey = this.pair.publicKeyOpenssh.apply((text) => text.trim());
    this.key = new hcloud.SshKey(`${name}-rescue`, { publicKey, labels: { ...labels } }, { parent });
    this.told = tellFactory(name, plan, parent);
  }

  write(
    name: string,
    server: hcloud.Server,
    { arch, disk, generation }: NodePlan,
    link: pulumi.Resource,
  ): pulumi.Resource {
    const { schematic, version, factory } = this.plan.talos;
    return new TalosInstall(
      name,
      {
        connection: { host: server.ipv4Address, user: "root", privateKey: this.pair.privateKeyOpenssh },
        url: imageAssets({ schematic: schematic.id, version, arch, platform: "hcloud", factory }).disk,
        disk,
        // Only the rescue system may write: an installed machine that answers here is somebody's.
        hostname: "rescue",
        // One that Hetzner made anew under this key is empty.
        machine: server.id,
        ...(generation !== undefined && { generation }),
      },
      { parent: this.parent, dependsOn: [server, ...this.told, link] },
    );
  }
}
