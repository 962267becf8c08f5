import { installerImage } from "../boot/assets";
import { type Schematic, schematicId, schematicYaml } from "../boot/schematic";
import { withNvidia } from "../machine/gpu/nvidia";
import { TRAITS } from "../machine/providers";
import { normaliseVersion } from "../talos/version";
import type { SiteSpec } from "./spec";

/** An image, and the reference that installs it. */
export interface ImagePlan {
  /** Schematic id, and its YAML where plinth made it. */
  readonly schematic: { readonly id: string; readonly yaml?: string };
  readonly installer: string;
}

/** The image of a site's machines; one with a GPU has the driver in it as well. */
export function planImage({ talos, provider }: SiteSpec, gpu = false): ImagePlan {
  const schematic = planSchematic(talos, gpu);
  const installer = installerImage({
    schematic: schematic.id,
    version: normaliseVersion(talos.version) ?? talos.version,
    platform: TRAITS[provider].platform,
    factory: talos.factory,
    secureBoot: talos.secureBoot,
  });
  return { schematic, installer };
}

function planSchematic(talos: SiteSpec["talos"], gpu: boolean): ImagePlan["schematic"] {
  if (talos.schematic !== undefined) return { id: talos.schematic };
  const plain: Schematic = { extensions: talos.extensions, kernelArgs: talos.kernelArgs };
  const schematic = gpu ? withNvidia(plain) : plain;
  return { id: schematicId(schematic), yaml: schematicYaml(schematic) };
}
