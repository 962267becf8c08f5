import type { Declared, Difference } from "../hardware/check";
import type { MachineSpec, SiteSpec } from "./spec";

/** What a machine is compared with before it is installed. */
export interface HardwarePlan {
  /** Name of the hardware profile. */
  readonly profile: string;
  readonly declared: Declared;
  /** Differences that are accepted. @default - none */
  readonly allow?: readonly Difference[];
}

/** The comparison that a machine asks for by naming a profile; `undefined` for one that names none. */
export function planHardware(machine: MachineSpec, spec: SiteSpec): HardwarePlan | undefined {
  const { hardware: profile, allowHardware: allow = [] } = machine;
  if (profile === undefined) return undefined;
  return { profile, declared: declaredOf(machine, spec), ...(allow.length > 0 && { allow }) };
}

/** What the site file says of a machine's hardware and of its image. */
export function declaredOf({ mac = "", disk, boot }: MachineSpec, { talos }: SiteSpec): Declared {
  const { schematic, extensions, kernelArgs } = talos;
  return {
    mac,
    disk,
    ...(boot !== undefined && { uuid: boot.uuid }),
    ...(schematic === undefined && { image: { extensions, kernelArgs } }),
  };
}
