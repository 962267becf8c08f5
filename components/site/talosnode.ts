import * as pulumi from "@pulumi/pulumi";
import type { MachineLinks } from "../machine/contract";
import { splitPatches } from "../talos/config/render";
import type { TalosNodeArgs } from "../talos/TalosCluster";
import { secretNames } from "./encryption";
import { type NodeFacts, nodeModel } from "./nodes";
import type { NodePlan, SitePlan } from "./plan";

/** Addresses and secrets of a site, as far as one of its nodes needs them. */
interface Surroundings {
  readonly address: pulumi.Input<string>;
  readonly vip?: pulumi.Input<string>;
  readonly passphrases: Readonly<Record<string, pulumi.Output<string>>>;
  readonly links?: pulumi.Output<MachineLinks>;
  readonly reach?: pulumi.Output<string>;
  /** As the provider of the machine tells it; the site file's counts more. */
  readonly failureDomain?: pulumi.Output<string>;
  readonly ready?: readonly pulumi.Input<pulumi.Resource>[];
}

/** A node of the plan as the cluster takes it. */
export function talosNode(plan: SitePlan, node: NodePlan, around: Surroundings): TalosNodeArgs {
  const { address, passphrases, reach, ready } = around;
  const failureDomain = node.failureDomain ?? around.failureDomain;
  const patches = (facts: NodeFacts) => splitPatches(nodeModel(plan, node, facts), plan.talos.configContract);
  return {
    type: node.type,
    address,
    hostname: node.hostname,
    ...(node.image !== undefined && { schematic: node.image.schematic.id }),
    ...(reach !== undefined && { reach }),
    ...(ready !== undefined && { ready }),
    ...(node.boot?.enrol === true && { handedOut: true }),
    patches: withFacts(around, (known) => patches(known).open),
    ...(secretNames(node.encryption ?? {}).length > 0 && {
      secretPatches: pulumi
        .all([withFacts(around, (known) => known), pulumi.all(passphrases)])
        .apply(([known, texts]) => patches({ ...known, passphrases: texts }).secret),
    }),
    ...(failureDomain !== undefined && { failureDomain }),
    ...(node.generation !== undefined && { generation: node.generation }),
    ...(node.adopted === true && { adopted: true }),
  };
}

/** Plain where everything is: an Output for each of hundreds of literals is what a large preview would wait for. */
function withFacts<T>(
  { address, vip, links }: Surroundings,
  use: (known: Omit<NodeFacts, "passphrases">) => T,
): pulumi.Input<T> {
  if (typeof address === "string" && (vip === undefined || typeof vip === "string") && links === undefined) {
    return use({ address, ...(vip !== undefined && { vip }) });
  }
  return pulumi.all([address, vip, links]).apply(([own, shared, wires]) =>
    use({
      address: own,
      ...(shared !== undefined && { vip: shared }),
      ...(wires !== undefined && { links: wires as MachineLinks }),
    }),
  ) as pulumi.Output<T>;
}
