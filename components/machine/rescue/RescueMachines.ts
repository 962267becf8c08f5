import * as pulumi from "@pulumi/pulumi";
import { imageAssets } from "../../boot/assets";
import type { SitePlan } from "../../site/plan";
import { childOptions } from "../child";
import type { Machines, MachinesArgs, ProvidedMachine, WantedMachine } from "../contract";
import { tellFactory } from "../factory";
import type { RescueSpec } from "./spec";
import { TalosInstall } from "./TalosInstall";

/** Machines of your own, or rented by hand, that wait in a rescue system: Talos is written to their disks, once. */
export class RescueMachines extends pulumi.ComponentResource implements Machines {
  /** @internal */
  static readonly __pulumiType = "plinth:machine:RescueMachines";

  readonly machines: ReadonlyMap<string, ProvidedMachine>;

  constructor(name: string, { plan, machines, secrets }: MachinesArgs, opts?: pulumi.ComponentResourceOptions) {
    const waiting = machines.flatMap((machine) =>
      machine.node.rescue === undefined ? [] : [{ ...machine, rescue: machine.node.rescue }],
    );
    super(RescueMachines.__pulumiType, name, { machines: waiting.length }, opts);
    const after = childOptions(this, opts);
    const told = tellFactory(name, plan, this);
    this.machines = new Map(
      waiting.map((machine) => {
        const { key } = machine.node;
        const args = installArgs(plan, machine, secrets?.[machine.rescue.secret] ?? pulumi.secret(""));
        return [key, { ready: [new TalosInstall(`${name}-${key}-talos`, args, after(...told))] }];
      }),
    );
    this.registerOutputs({});
  }
}

function installArgs(
  { talos }: SitePlan,
  { node, address, rescue }: WantedMachine & { readonly rescue: RescueSpec },
  privateKey: pulumi.Output<string>,
) {
  const { host, port, user = "root", hostKey, hostname, sha256 } = rescue;
  const { version, factory, secureBoot } = talos;
  const schematic = (node.image ?? talos).schematic.id;
  return {
    connection: {
      host: host ?? address,
      user,
      privateKey,
      ...(port !== undefined && { port }),
      ...(hostKey !== undefined && { hostKey }),
    },
    url: imageAssets({ schematic, version, arch: node.arch, factory, secureBoot }).disk,
    disk: node.disk,
    ...(hostname !== undefined && { hostname }),
    ...(sha256 !== undefined && { sha256 }),
    ...(node.generation !== undefined && { generation: node.generation }),
  };
}
