import { parseAddress, parseCidr } from "../address/cidr";
import { imageAssets, kernelArguments } from "../boot/assets";
import type { BootImage } from "../boot/intent";
import { type BootNetwork, networkArguments } from "../boot/network";
import type { MachineSpec, SiteSpec } from "./spec";

type MachineBoot = NonNullable<MachineSpec["boot"]>;

/** What a node may boot over the network. */
export interface BootPlan extends Omit<MachineBoot, "network"> {
  readonly image: BootImage;
  readonly minutes: number;
  /** Network that the kernel is told; what it says of the address is known with the node's. @default - DHCP */
  readonly network?: Omit<BootNetwork, "address"> & { readonly prefixLength?: number };
}

/** The network boot of a machine; `undefined` for one that the boot server is not told of. */
export function planBoot(
  { boot, arch, mac = "" }: MachineSpec,
  { talos, boot: site, network: around }: SiteSpec,
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
  const { network, ...rest } = boot;
  return {
    ...rest,
    image: { arch, kernel, initramfs, args },
    minutes: site?.minutes ?? 60,
    ...(network !== undefined && { network: planNetwork(network, mac, around) }),
  };
}

function planNetwork(
  { link, vlan, dhcp }: NonNullable<MachineBoot["network"]>,
  mac: string,
  { cidr, gateway, nameservers, ntp }: SiteSpec["network"],
): NonNullable<BootPlan["network"]> {
  const wire = { link: link ?? mac, ...(vlan !== undefined && { vlan }) };
  if (dhcp) return wire;
  const time = ntp.find(isIPv4);
  return {
    ...wire,
    ...(gateway !== undefined && { gateway }),
    // The kernel takes two of them; Talos gets them all with its configuration.
    nameservers: nameservers.filter(isIPv4).slice(0, 2),
    ...(time !== undefined && { ntp: time }),
    prefixLength: parseCidr(cidr, "").value?.prefixLength ?? 32,
  };
}

const isIPv4 = (host: string): boolean => parseAddress(host, "").value?.family === 4;

/** What the kernel is told of the network of a node with that address. */
export function bootArguments({ network }: Pick<BootPlan, "network">, address: string): readonly string[] {
  if (network === undefined) return [];
  const { prefixLength, ...wire } = network;
  return networkArguments(prefixLength === undefined ? wire : { ...wire, address: `${address}/${prefixLength}` });
}
