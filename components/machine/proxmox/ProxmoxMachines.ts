import * as proxmox from "@muhlba91/pulumi-proxmoxve";
import * as pulumi from "@pulumi/pulumi";
import { parseCidr } from "../../address/cidr";
import { imageAssets } from "../../boot/assets";
import type { SitePlan } from "../../site/plan";
import { childOptions } from "../child";
import type { Machines, MachinesArgs, ProvidedMachine, WantedMachine } from "../contract";
import { tellFactory } from "../factory";
import { ofGeneration } from "../generation";
import type { ProxmoxSpec } from "./spec";

/**
 * Virtual machines on Proxmox VE: UEFI, TPM, one disk or two. An empty disk falls through to Talos' ISO, which finds its
 * address in the nocloud drive and waits for its configuration; from then on the machine boots from its disk.
 *
 * Where Proxmox is, and the token, are the `proxmoxve` provider's own configuration.
 */
export class ProxmoxMachines extends pulumi.ComponentResource implements Machines {
  /** @internal */
  static readonly __pulumiType = "plinth:machine:ProxmoxMachines";

  readonly machines: ReadonlyMap<string, ProvidedMachine>;

  constructor(name: string, { plan, machines }: MachinesArgs, opts?: pulumi.ComponentResourceOptions) {
    const spec = plan.machines?.proxmox;
    if (spec === undefined) throw new Error("unreachable: a checked site of provider proxmox has its part");
    const hosts = [...new Set(machines.map(({ node }) => node.vm?.host ?? spec.host))].sort();
    super(ProxmoxMachines.__pulumiType, name, { hosts: hosts.join(" "), machines: machines.length }, opts);
    const after = childOptions(this, opts);
    const told = tellFactory(name, plan, this);
    const images = new Map(hosts.map((host) => [host, isoOf(`${name}-${host}-iso`, host, plan, spec, after(...told))]));
    this.machines = new Map(
      machines.map((machine) => {
        const host = machine.node.vm?.host ?? spec.host;
        const iso = images.get(host);
        if (iso === undefined) throw new Error(`unreachable: ${host} has an image`);
        const { key, generation } = machine.node;
        const vm = new proxmox.VmLegacy(
          ofGeneration(`${name}-${key}`, generation),
          vmArgs(plan, machine, spec, iso),
          // A new image never touches a machine that exists, nor does what only its first boot reads; and what would
          // replace it, or take its TPM away with the secrets in it, is used only when it is made.
          {
            ...after(),
            ignoreChanges: ["cdrom", "initialization", "bootOrders", "vmId", "tpmState"],
          },
        );
        return [key, { ready: [vm] }];
      }),
    );
    this.registerOutputs({});
  }
}

/** Talos' ISO on one host. */
function isoOf(
  name: string,
  host: string,
  { talos }: SitePlan,
  spec: ProxmoxSpec,
  opts: pulumi.CustomResourceOptions,
): proxmox.download.FileLegacy {
  const { schematic, version, factory, secureBoot } = talos;
  const source = { schematic: schematic.id, version, arch: "amd64", platform: "nocloud", factory, secureBoot } as const;
  return new proxmox.download.FileLegacy(
    name,
    {
      nodeName: host,
      datastoreId: spec.isoDatastore,
      contentType: "iso",
      url: imageAssets(source).iso,
      fileName: `talos-${version}-${schematic.id.slice(0, 12)}${secureBoot ? "-secureboot" : ""}.iso`,
      overwrite: false,
      // One that stays behind, or came with another site, is not known here: Proxmox refuses a second of its name.
      overwriteUnmanaged: true,
    },
    // A machine that was made with an older one keeps it in its drive: without the file it would not start again.
    { ...opts, retainOnDelete: true },
  );
}

function vmArgs(
  plan: SitePlan,
  { node, address }: WantedMachine,
  spec: ProxmoxSpec,
  iso: proxmox.download.FileLegacy,
): proxmox.VmLegacyArgs {
  const { vm = {} } = node;
  const { network } = plan;
  const dataGiB = vm.dataGiB ?? spec.dataGiB;
  const disk = { datastoreId: spec.datastore, discard: "on", iothread: true, ssd: true };
  const guest = plan.talos.extensions.includes("siderolabs/qemu-guest-agent");
  return {
    nodeName: vm.host ?? spec.host,
    // Without this another host would be another machine.
    migrate: true,
    name: node.hostname,
    ...(vm.id !== undefined && { vmId: vm.id }),
    tags: ["plinth", plan.name, node.type].sort(),
    machine: "q35",
    bios: "ovmf",
    efiDisk: { datastoreId: spec.datastore, type: "4m", preEnrolledKeys: false },
    ...(spec.tpm && { tpmState: { datastoreId: spec.datastore, version: "v2.0" } }),
    cpu: { cores: vm.cores ?? spec.cores, type: "host" },
    memory: { dedicated: vm.memoryMiB ?? spec.memoryMiB },
    scsiHardware: "virtio-scsi-single",
    disks: [
      { ...disk, interface: "scsi0", size: vm.diskGiB ?? spec.diskGiB },
      ...(dataGiB === undefined ? [] : [{ ...disk, interface: "scsi1", size: dataGiB }]),
    ],
    cdrom: { fileId: iso.id, interface: "ide3" },
    bootOrders: ["scsi0", "ide3"],
    networkDevices: [
      {
        bridge: spec.bridge,
        model: "virtio",
        macAddress: node.mac.toUpperCase(),
        ...(spec.vlan !== undefined && { vlanId: spec.vlan }),
        ...(network.mtu !== undefined && { mtu: network.mtu }),
      },
    ],
    ...((vm.pci ?? []).length > 0 && {
      hostpcis: vm.pci?.map((mapping, index) => ({ device: `hostpci${index}`, mapping, pcie: true })),
    }),
    initialization: {
      datastoreId: spec.datastore,
      ipConfigs: [
        { ipv4: { address: withPrefix(address, network.cidr), ...(network.gateway && { gateway: network.gateway }) } },
      ],
      ...(network.nameservers.length > 0 && { dns: { servers: [...network.nameservers] } }),
    },
    operatingSystem: { type: "l26" },
    agent: { enabled: guest },
    onBoot: true,
    started: true,
    // Talos without the guest agent does not answer a shutdown: without this a destroy would wait for it.
    stopOnDestroy: true,
    // Talos' own upgrade reboots when it is a node's turn; the hypervisor never does.
    rebootAfterUpdate: false,
  };
}

function withPrefix(address: pulumi.Input<string>, cidr: string): pulumi.Output<string> {
  const length = parseCidr(cidr, "network.cidr").value?.prefixLength;
  return pulumi.output(address).apply((known) => `${known}/${length}`);
}
