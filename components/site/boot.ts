import { imageAssets, kernelArguments } from "../boot/assets";
import type { BootImage } from "../boot/intent";
import type { MachineSpec, SiteSpec } from "./spec";

/** What a node may boot over the network. */
export type BootPlan = NonNullable<MachineSpec["boot"]> & { readonly image: BootImage; readonly minutes: number };

/** The network boot of a machine; `undefined` for one that the boot server is not told of. */
export function planBoot(
  { boot, arch }: MachineSpec,
  { talos, boot: site }: SiteSpec,
  { schematic, version }: { readonly schematic: string; readonly version: string },
): BootPlan | undefined {
  if (boot === undefined) return undefined;
  const source = {
    ...{ schematic, version, arch },
    factory: talos.factory,
    ...(site?.files !== undefined && { files: site.files }),
  };
  const { kernel, initramfs } = imageAssets(source);
  const args = kernelArguments(source, talos.kernelArgs);
  return { ...boot, image: { arch, kernel, initramfs, args }, minutes: site?.minutes ?? 60 };
}
