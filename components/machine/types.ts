import type { ProviderName } from "./contract";

/** Types of the Pulumi resources that carry the steps of a provider's machines. */
export interface MachineTypes {
  /** What a machine boots first, where it looks for it. */
  readonly image: readonly string[];
  /** The machine itself: made, and switched on. */
  readonly order: readonly string[];
  /** Its way into the site's network. */
  readonly network: readonly string[];
  /** Whether one connects all machines, or each has its own. */
  readonly networkEach: "site" | "machine";
  /** Talos as far as it does not come with the machine. */
  readonly talos: readonly string[];
}

const SCHEMATIC = "talos:imageFactory/schematic:Schematic";
const COMMAND = "command:remote:Command";
const NONE: MachineTypes = { image: [], order: [], network: [], networkEach: "machine", talos: [] };

const TYPES: { readonly [name in ProviderName]: MachineTypes } = {
  metal: NONE,
  lab: NONE,
  latitude: {
    ...NONE,
    image: [SCHEMATIC],
    order: ["plinth:latitude:Server"],
    network: ["plinth:latitude:VirtualNetwork"],
    networkEach: "site",
  },
  proxmox: {
    ...NONE,
    image: [SCHEMATIC, "proxmoxve:download/fileLegacy:FileLegacy"],
    order: ["proxmoxve:index/vmLegacy:VmLegacy"],
  },
  hetzner: {
    ...NONE,
    image: [SCHEMATIC],
    order: ["hcloud:index/server:Server"],
    network: ["hcloud:index/serverNetwork:ServerNetwork"],
    talos: [COMMAND],
  },
  vultr: {
    ...NONE,
    image: [SCHEMATIC, "vultr:index/startupScript:StartupScript"],
    order: ["vultr:index/instance:Instance"],
  },
};

/** Types of what a provider makes for a site's machines; `rescued` if any of them waits in a rescue system. */
export function machineTypes(provider: ProviderName, rescued: boolean): MachineTypes {
  const types = TYPES[provider];
  // Only those that wait there look for an image: it is no step of the others.
  return provider === "metal" && rescued ? { ...types, talos: [COMMAND] } : types;
}
