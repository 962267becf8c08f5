import type * as pulumi from "@pulumi/pulumi";
import { PUBLIC_FACTORY } from "../boot/assets";
import type { SitePlan } from "../site/plan";
import { FactorySchematic } from "../talos/binding";

/**
 * Makes the images of a site known to the public Image Factory: it builds only what it was told. A factory of your own
 * is told by you (the plan has the YAML).
 */
export function tellFactory(name: string, plan: SitePlan, parent: pulumi.Resource): readonly FactorySchematic[] {
  if (plan.talos.factory !== PUBLIC_FACTORY) return [];
  const gpu = plan.nodes.find(({ image }) => image !== undefined)?.image;
  const told = { image: plan.talos.schematic.yaml, "gpu-image": gpu?.schematic.yaml };
  return Object.entries(told).flatMap(([key, schematic]) =>
    schematic === undefined ? [] : [new FactorySchematic(`${name}-${key}`, { schematic }, { parent })],
  );
}
