import { z } from "zod";

/** What a virtual machine has; each part may be said for all, and otherwise for one. */
const vm = {
  host: z.string().min(1).describe("Proxmox node it runs on, as pve1. A change of a machine's is a migration."),
  cores: z.int().min(1).max(512).describe("Processor cores. A change takes a reboot."),
  memoryMiB: z.int().min(2048).describe("Memory in MiB. A change takes a reboot."),
  diskGiB: z.int().min(10).describe("System disk in GiB. Growing is in place; shrinking is refused."),
  dataGiB: z.int().min(1).describe("Second disk in GiB, for storage inside the cluster. Default: none."),
  id: z
    .int()
    .min(100)
    .max(999_999_999)
    .describe(
      "VM id. Default: the next one that is free. Used when a machine is made; a higher generation needs another one.",
    ),
  pci: z
    .array(z.string().min(1))
    .describe("Resource mappings of PCI devices that are handed to it, as gpu0. A change takes a reboot."),
};

/** What one machine has otherwise than the provider's part says. */
export const virtualMachineSchema = z
  .strictObject({
    host: vm.host.optional(),
    cores: vm.cores.optional(),
    memoryMiB: vm.memoryMiB.optional(),
    diskGiB: vm.diskGiB.optional(),
    dataGiB: vm.dataGiB.optional(),
    id: vm.id.optional(),
    pci: vm.pci.optional(),
  })
  .describe("What its virtual machine has otherwise than proxmox says. Only with provider proxmox.");

/** The site file's part about virtual machines on Proxmox VE. */
export const proxmoxSchema = z
  .strictObject({
    host: vm.host,
    cores: vm.cores.default(2),
    memoryMiB: vm.memoryMiB.default(4096),
    diskGiB: vm.diskGiB.default(32),
    dataGiB: vm.dataGiB.optional(),
    bridge: z.string().min(1).default("vmbr0").describe("Bridge of the machines' link. In place."),
    vlan: z.int().min(1).max(4094).optional().describe("VLAN of the bridge's port. Default: untagged. In place."),
    datastore: z
      .string()
      .min(1)
      .default("local-zfs")
      .describe("Datastore of disks, EFI variables and TPM state. A change moves the disks."),
    isoDatastore: z
      .string()
      .min(1)
      .default("local")
      .describe("Datastore of every host that Talos' ISO is loaded into. Used when a machine is made."),
    tpm: z
      .boolean()
      .default(true)
      .describe("Whether the machines have a TPM 2.0. Used when a machine is made: its secrets would be lost."),
  })
  .describe("Virtual machines on Proxmox VE. Only with provider proxmox.");

export type ProxmoxSpec = z.output<typeof proxmoxSchema>;
