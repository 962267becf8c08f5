import * as pulumi from "@pulumi/pulumi";
import { imageAssets } from "../../boot/assets";
import { childOptions } from "../child";
import type { MachineLinks, Machines, MachinesArgs, ProvidedMachine, WantedMachine } from "../contract";
import { tellFactory } from "../factory";
import { ofGeneration } from "../generation";
import { LatitudeServer } from "./LatitudeServer";
import { LatitudeVirtualNetwork } from "./LatitudeVirtualNetwork";
import type { LatitudeSpec } from "./spec";

/**
 * Servers rented at Latitude.sh, in one virtual network that is the site's. Each boots Talos once over iPXE, waits for
 * its configuration at its address on the Internet, and boots from its disk from then on.
 */
export class LatitudeMachines extends pulumi.ComponentResource implements Machines {
  /** @internal */
  static readonly __pulumiType = "plinth:machine:LatitudeMachines";

  readonly machines: ReadonlyMap<string, ProvidedMachine>;

  constructor(name: string, { plan, machines }: MachinesArgs, opts?: pulumi.ComponentResourceOptions) {
    const spec = plan.machines?.latitude;
    if (spec === undefined) throw new Error("unreachable: a checked site of provider latitude has its part");
    super(LatitudeMachines.__pulumiType, name, { region: spec.region, machines: machines.length }, opts);
    const after = childOptions(this, opts);
    const { schematic, version, factory } = plan.talos;
    const told = tellFactory(name, plan, this);
    const script = imageAssets({ schematic: schematic.id, version, arch: "amd64", factory }).pxe;
    const servers = machines.map((machine) => ({
      key: machine.node.key,
      server: new LatitudeServer(
        `${name}-${machine.node.key}`,
        serverArgs(plan.name, machine, spec, script),
        after(...told),
      ),
    }));
    const network = new LatitudeVirtualNetwork(
      `${name}-network`,
      {
        project: spec.project,
        site: spec.region,
        description: `plinth ${plan.name}`,
        servers: servers.map(({ server }) => server.serverId),
      },
      after(),
    );
    this.machines = new Map(
      servers.map(({ key, server }) => [
        key,
        {
          reach: server.address,
          links: linksOf(server, network),
          // One whose rack is not told stands alone.
          failureDomain: server.rack.apply((rack) => (rack === "" ? key : rack)),
          ready: [server, network],
        },
      ]),
    );
    this.registerOutputs({});
  }
}

function serverArgs(site: string, { node }: WantedMachine, spec: LatitudeSpec, ipxe: string) {
  const { key, generation = 1, size, gpus = 0 } = node;
  return {
    project: spec.project,
    site: spec.region,
    plan: size ?? spec.plan,
    // Its name is how an order is found again: the next generation must not find the last one.
    hostname: ofGeneration(`${site}-${key}`, generation),
    billing: spec.billing,
    ipxe,
    ...(gpus > 0 && { gpu: true }),
    ...(generation > 1 && { generation }),
  };
}

function linksOf(server: LatitudeServer, network: LatitudeVirtualNetwork): pulumi.Output<MachineLinks> {
  return pulumi
    .all([server.publicMac, server.privateMac, server.address, server.prefixLength, server.gateway, network.vid])
    .apply(
      ([publicMac, privateMac, address, prefixLength, gateway, vlan]): MachineLinks => ({
        // A server with a single link carries the virtual network on it, beside the untagged Internet.
        site: { mac: privateMac || publicMac, vlan },
        internet: { mac: publicMac, address: `${address}/${prefixLength}`, gateway },
      }),
    );
}
