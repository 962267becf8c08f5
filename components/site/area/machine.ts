import { z } from "zod";
import { machineBootSchema } from "../../boot/spec";
import { DIFFERENCES } from "../../hardware/check";
import { profileNames } from "../../hardware/profile";
import { virtualMachineSchema } from "../../machine/proxmox/spec";
import { rescueSchema } from "../../machine/rescue/spec";
import { complain, hostName, labels, mac, name, taint } from "../fields";
import { encryption } from "./cluster";
import { address } from "./network";

const disk = z.union([
  z.strictObject({ wwid: z.string().min(1).describe("World-wide id of the disk, as talosctl get disks prints it.") }),
  z.strictObject({ serial: z.string().min(1).describe("Serial number of the disk.") }),
  z.strictObject({
    selector: z
      .strictObject({
        type: z.enum(["ssd", "hdd", "nvme", "sd"]).optional().describe("Kind of disk."),
        model: z.string().min(1).optional().describe("Model; * matches anything."),
        size: z
          .string()
          .regex(/^(<=|>=|<|>|==)?\s*\d+\s*([KMGT]i?B)?$/i, "write a size as in >= 100GB")
          .optional()
          .describe("Size, as in >= 100GB."),
        busPath: z.string().min(1).optional().describe("Bus path, as in /pci0000:00/*; * matches anything."),
      })
      .superRefine((value, ctx) => {
        if (Object.keys(value).length > 0) return;
        const fix = "name type, model, size or busPath, so that one disk of the machine has all of it";
        complain(ctx, "an empty selector would match every disk", fix);
      })
      .describe("Properties that exactly one disk of the machine has."),
  }),
]);

/** One machine of the inventory. */
export const machine = z.strictObject({
  role: z
    .enum(["controlplane", "worker"])
    .describe("What the node is in the cluster. A change is a removal and a new node."),
  hostname: hostName
    .optional()
    .describe(
      "Host and Node name. Default: the machine's key. A change is refused: remove the machine and add it under another key.",
    ),
  mac: mac
    .optional()
    .describe(
      "Ethernet address of the link that holds the address. In place. Not for rented machines: the provider tells it.",
    ),
  size: z
    .string()
    .min(1)
    .optional()
    .describe(
      "What is rented for it: a plan, or a server type. Default: that of the provider's part. A change needs a higher generation.",
    ),
  vm: virtualMachineSchema.optional(),
  address: address.describe(
    "Address of the machine: literal, or from a pool. A change is refused: remove the machine and add it under another key.",
  ),
  disk: disk.describe("The one disk Talos is installed on. Used at installation only."),
  arch: z
    .enum(["amd64", "arm64"])
    .default("amd64")
    .describe("Processor architecture. A change is a removal and a new node."),
  adopted: z
    .boolean()
    .optional()
    .describe(
      "Whether the machine ran before plinth (plinth adopt writes it): it gets no first configuration. Leave it as it is. Default: false.",
    ),
  generation: z
    .int()
    .min(1)
    .optional()
    .describe(
      "Which machine stands under this key. Raise it when another machine takes its place or its disk was wiped: the old one is forgotten, the new one installed. Where plinth makes the machines, another one is made beside it, and the old one given back at the end. Default: 1.",
    ),
  tpm: z
    .boolean()
    .optional()
    .describe("Whether the machine has a TPM 2.0. Default: not known, nothing is checked. Nothing changes."),
  gpus: z
    .int()
    .min(0)
    .max(64)
    .optional()
    .describe(
      "How many NVIDIA GPUs it has that pods shall use; a licence may count them, and a machine that is known to have none is refused. Default: 0. The first one brings an image of its own, and a reboot.",
    ),
  encryption: encryption
    .optional()
    .describe(
      "Disk encryption of this machine instead of talos.encryption; {} for none. To begin or end it loses its data: it is installed anew.",
    ),
  hardware: z
    .enum(profileNames())
    .optional()
    .describe(
      "Hardware profile: what the machine is, and so what its image needs. One that differs is not installed. Default: the machine is not compared. Nothing changes.",
    ),
  allowHardware: z
    .array(z.enum(DIFFERENCES))
    .optional()
    .describe("Differences from the profile that are accepted at installation. Default: none. Nothing changes."),
  boot: machineBootSchema.optional(),
  rescue: rescueSchema.optional(),
  failureDomain: name
    .optional()
    .describe(
      "Nodes of one domain may fail together: a rack, a host, a power feed. Default: at Proxmox the host it runs on, else each machine its own. In place.",
    ),
  labels: labels.default({}).describe("Node labels. In place."),
  taints: z.array(taint).default([]).describe("Node taints, one of a key. In place."),
});
