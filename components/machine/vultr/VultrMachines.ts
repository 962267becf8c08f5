import * as vultr from "@ediri/vultr";
import * as pulumi from "@pulumi/pulumi";
import { imageAssets } from "../../boot/assets";
import type { SitePlan } from "../../site/plan";
import { childOptions } from "../child";
import type { Machines, MachinesArgs, ProvidedMachine } from "../contract";
import { tellFactory } from "../factory";
import { ofGeneration } from "../generation";
import type { VultrSpec } from "./spec";

/** Vultr's operating system for machines that boot a script of their own. */
const CUSTOM_OS = 159;

/**
 * Instances at Vultr in one VPC, which is the site's network, optionally behind a load balancer. Each boots Talos over
 * iPXE when it is made, and from its disk from then on.
 *
 * The API key is the `vultr` provider's own configuration.
 */
export class VultrMachines extends pulumi.ComponentResource implements Machines {
  /** @internal */
  static readonly __pulumiType = "plinth:machine:VultrMachines";

  readonly machines: ReadonlyMap<string, ProvidedMachine>;
  readonly endpoint?: pulumi.Output<string>;

  constructor(name: string, { plan, machines }: MachinesArgs, opts?: pulumi.ComponentResourceOptions) {
    const spec = plan.machines?.vultr;
    if (spec === undefined) throw new Error("unreachable: a checked site of provider vultr has its part");
    super(VultrMachines.__pulumiType, name, { region: spec.region, machines: machines.length }, opts);
    const after = childOptions(this, opts);
    const [v4Subnet, length] = plan.network.cidr.split("/");
    const vpc = new vultr.Vpc(
      `${name}-network`,
      {
        region: spec.region,
        description: `plinth ${plan.name}`,
        v4Subnet: v4Subnet ?? "",
        v4SubnetMask: Number(length),
      },
      after(),
    );
    const script = bootScript(name, plan, this);
    const made = machines.map((machine) => {
      const { node } = machine;
      const label = ofGeneration(`${plan.name}-${node.key}`, node.generation);
      const instance = new vultr.Instance(
        ofGeneration(`${name}-${node.key}`, node.generation),
        {
          region: spec.region,
          plan: node.size ?? spec.size,
          osId: CUSTOM_OS,
          scriptId: script.id,
          label,
          hostname: label,
          tags: ["plinth", plan.name, node.type],
          vpcIds: [vpc.id],
          activationEmail: false,
        },
        // Used when an instance is made: any change of them would install, replace or restart it with nobody asked.
        { ...after(), ignoreChanges: ["osId", "scriptId", "userData", "hostname", "plan", "region"] },
      );
      return { machine, instance };
    });
    this.machines = new Map(made.map(({ machine, instance }) => [machine.node.key, provided(instance, spec)]));
    if (spec.loadBalancer === true) {
      const planes = made.filter(({ machine }) => machine.node.type === "controlplane");
      this.endpoint = balancer(
        name,
        plan,
        spec,
        planes.map(({ instance }) => instance.id),
        vpc,
        this,
      );
    }
    this.registerOutputs({});
  }
}

function bootScript(name: string, plan: SitePlan, parent: VultrMachines): vultr.StartupScript {
  const { schematic, version, factory } = plan.talos;
  const told = tellFactory(name, plan, parent);
  const { pxe } = imageAssets({ schematic: schematic.id, version, arch: "amd64", platform: "vultr", factory });
  const script = `#!ipxe\nchain --autofree ${pxe}\n`;
  return new vultr.StartupScript(
    `${name}-boot`,
    { type: "pxe", script: Buffer.from(script).toString("base64") },
    { parent, dependsOn: [...told] },
  );
}

function provided(instance: vultr.Instance, { links }: VultrSpec): ProvidedMachine {
  return {
    reach: instance.mainIp,
    links: instance.mainIp.apply(() => ({ site: { name: links.site }, internet: { name: links.internet } })),
    ready: [instance],
  };
}

function balancer(
  name: string,
  plan: SitePlan,
  spec: VultrSpec,
  attachedInstances: pulumi.Output<string>[],
  vpc: vultr.Vpc,
  parent: VultrMachines,
): pulumi.Output<string> {
  const { port } = plan.endpoint;
  return new vultr.LoadBalancer(
    `${name}-api`,
    {
      region: spec.region,
      label: `${plan.name}-api`,
      vpc: vpc.id,
      attachedInstances,
      forwardingRules: [{ frontendProtocol: "tcp", frontendPort: port, backendProtocol: "tcp", backendPort: port }],
      healthCheck: { protocol: "tcp", port },
    },
    { parent },
  ).ipv4;
}
