import { z } from "zod";
import { backupSchema } from "../backup/spec";
import { PUBLIC_FACTORY } from "../boot/assets";
import { bootSchema, machineBootSchema } from "../boot/spec";
import { DIFFERENCES } from "../hardware/check";
import { profileNames } from "../hardware/profile";
import { licenceSchema } from "../licensing/spec";
import { PROVIDERS } from "../machine/contract";
import { hetznerSchema } from "../machine/hetzner/spec";
import { latitudeSchema } from "../machine/latitude/spec";
import { proxmoxSchema, virtualMachineSchema } from "../machine/proxmox/spec";
import { vultrSchema } from "../machine/vultr/spec";
import { maintenanceSchema } from "../maintenance/spec";
import { platformSchema } from "../platform/spec";
import { telemetrySchema } from "../telemetry/spec";
import {
  cidr,
  contract,
  domainName,
  host,
  hostName,
  ipAddress,
  labels,
  mac,
  name,
  proxyUrl,
  range,
  registry,
  taint,
  version,
} from "./fields";
import { upgradeSchema } from "./upgrade";

/**
 * The site file: the `plinth:site` object of stacks/Pulumi.<env>.yaml. Descriptions are what an editor shows and what
 * the reference prints; each says what a change of the value does to a running site.
 */

const claim = z
  .strictObject({
    pool: name.describe("Pool of this site that gives the address."),
    address: ipAddress.optional().describe("Wish for exactly this address of the pool. Default: any free one."),
  })
  .describe("Address from a pool; the same machine keeps the same address for ever.");

const address = z.union([ipAddress, claim]);

const slug = z.string().regex(/^[-a-z0-9_]+$/, "is not a slug of NetBox, as in bare-metal-node");

const register = z
  .strictObject({
    interface: z
      .string()
      .min(1)
      .default("net0")
      .describe("Name of the interface that has a machine's MAC address and its address. In place."),
    devices: z
      .strictObject({
        type: slug.describe("Slug of a device type that exists in NetBox."),
        role: slug.describe("Slug of a device role that exists in NetBox."),
      })
      .optional()
      .describe("What a device is made as that NetBox does not have yet. Default: every device must exist."),
  })
  .describe("Show in NetBox which machine has which address: site, device, interface and MAC address. In place.");

const pool = z.strictObject({
  backend: z
    .enum(["static", "netbox"])
    .default("static")
    .describe(
      "Who keeps the addresses: this stack's state (static) or NetBox. A change is refused while claims exist.",
    ),
  range: range
    .optional()
    .describe("First and last address, as in 10.0.3.4-10.0.3.20, or a CIDR. Widening changes nothing."),
  prefix: cidr.optional().describe("NetBox prefix that addresses are taken from. Only with backend netbox."),
  vrf: z.string().min(1).optional().describe("NetBox VRF of the prefix, by name. Default: the global table."),
  exclude: z.array(range).default([]).describe("Addresses and ranges that are never given out. In place."),
  register: register
    .optional()
    .describe("Register the machines of this pool in NetBox. Only with backend netbox. Default: addresses alone."),
});

const network = z.strictObject({
  cidr: cidr.describe("Network of the machines. A change is for a new site: running machines keep their addresses."),
  gateway: ipAddress
    .optional()
    .describe("Default route. Default: none (the machines reach nothing outside). In place."),
  nameservers: z.array(ipAddress).default([]).describe("DNS servers. Default: none, no DNS. In place."),
  ntp: z.array(host).default([]).describe("Time servers. Default: Talos' own. In place."),
  vip: address
    .optional()
    .describe(
      "Address of the Kubernetes API, held by one control plane at a time. Default: the address of a single control plane. A change replaces the endpoint of every client.",
    ),
  endpoint: host
    .optional()
    .describe(
      "Name or address under which the Kubernetes API is called, where that is not the VIP: a DNS name of every control plane, or a load balancer. Default: network.vip. A change replaces the endpoint of every client.",
    ),
  proxy: z
    .strictObject({
      http: proxyUrl.optional().describe("Proxy for http. Default: none."),
      https: proxyUrl.optional().describe("Proxy for https. Default: none."),
      exclude: z
        .array(z.string().min(1))
        .default([])
        .describe("Hosts, suffixes and CIDRs that are reached directly, beside the site's own networks."),
    })
    .optional()
    .describe("HTTP proxy of every machine. A change reboots every node."),
  pods: cidr.default("10.244.0.0/16").describe("Pod network. A change replaces the cluster."),
  services: cidr.default("10.96.0.0/12").describe("Service network. A change replaces the cluster."),
  mtu: z
    .int()
    .min(1280)
    .max(9216)
    .optional()
    .describe("MTU of the machines' link, in bytes. Default: the link's own. In place."),
});

const volumeKey = z
  .strictObject({
    by: z
      .enum(["tpm", "nodeId", "kms", "passphrase"])
      .describe(
        "What opens the volume: the machine's TPM 2.0, its UUID, a key management server, or a passphrase of this stack.",
      ),
    pcrs: z
      .array(z.int().min(0, "there is no such PCR").max(23, "there is no such PCR"))
      .optional()
      .describe("Measurements that the TPM key is sealed to. Only with by: tpm. Default: 7, the state of Secure Boot."),
    endpoint: z
      .url({ protocol: /^https$/, error: "write it as https://kms.example.org:4050" })
      .optional()
      .describe("Key management server. Only with by: kms."),
    secret: name
      .optional()
      .describe(
        "Secret of this stack's configuration that holds the passphrase: pulumi config set --secret secrets:NAME. Only with by: passphrase, and not for state.",
      ),
    lockToState: z
      .boolean()
      .optional()
      .describe("Whether EPHEMERAL opens only beside the STATE it was made with. Only for ephemeral. Default: false."),
  })
  .describe("One key of a volume; its place in the list is its slot. A change takes a reboot.");

/** Disk encryption of a machine's system volumes, also read by the rules between fields. */
export const encryption = z.strictObject({
  state: z
    .array(volumeKey)
    .optional()
    .describe("Keys of STATE, which holds the machine configuration. At least two, of different kinds."),
  ephemeral: z
    .array(volumeKey)
    .optional()
    .describe("Keys of EPHEMERAL, which holds etcd, images and pods. At least two, of different kinds."),
});

const talos = z.strictObject({
  version: version.describe(
    "Talos version that shall run. A change upgrades node by node, minor by minor, behind a snapshot of etcd, and reboots each; a preview and plinth upgrade plan show the steps.",
  ),
  configContract: contract.describe(
    "Talos minor whose configuration format is written. Begin with the minor of talos.version and leave it: an upgrade does not change it.",
  ),
  extensions: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Official system extensions of the image, as siderolabs/iscsi-tools. A change reinstalls the image and reboots node by node.",
    ),
  kernelArgs: z
    .array(z.string().min(1))
    .default([])
    .describe("Kernel arguments of the image. A change reinstalls the image and reboots node by node."),
  schematic: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "a schematic id is 64 lower-case hex digits")
    .optional()
    .describe("Image Factory schematic id to use instead of extensions and kernelArgs. Default: computed from them."),
  secureBoot: z
    .boolean()
    .default(false)
    .describe(
      "Whether the machines install and boot the Secure Boot image; their firmware has to hold its keys. Used at installation only.",
    ),
  encryption: encryption
    .optional()
    .describe(
      "Disk encryption of every machine that has none of its own. To begin or end it on an installed machine loses its data: it is installed anew.",
    ),
  factory: registry
    .default(PUBLIC_FACTORY)
    .describe(
      "Image Factory or registry that serves installer images. A change takes effect at the next install or upgrade.",
    ),
  onDestroy: z
    .enum(["keep", "reset"])
    .default("keep")
    .describe(
      "What a destroy, and the removal of a worker, does to the machines: keep leaves them running, reset wipes them back to maintenance mode.",
    ),
  allow: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Paths of machine configurations, each with everything below it, whose change may lose data or reboot several control planes, as machine.systemDiskEncryption; and downgrade, for steps back to an older version. Meant for one update; in place.",
    ),
});

const kubernetes = z.strictObject({
  version: version.describe(
    "Kubernetes version that shall run. A change is rolled out minor by minor by Talos' own upgrade, component by component, behind a snapshot of etcd.",
  ),
  apiServer: z
    .strictObject({
      extraArgs: z
        .record(z.string(), z.string())
        .default({})
        .describe("Arguments of kube-apiserver. A change restarts it, one control plane at a time."),
      certSANs: z
        .array(host)
        .default([])
        .describe("Further names in its certificate. A change restarts it, one control plane at a time."),
    })
    .optional()
    .describe("Settings of the Kubernetes API server."),
  cni: z
    .enum(["flannel", "none"])
    .default("flannel")
    .describe(
      "Who brings the pod network: Talos' flannel, or none because a component installs another. A change replaces the pod network.",
    ),
  scheduleOnControlPlanes: z
    .boolean()
    .default(false)
    .describe("Whether ordinary pods may run on control planes. In place."),
});

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
      .refine((value) => Object.keys(value).length > 0, { error: "an empty selector would match every disk" })
      .describe("Properties that exactly one disk of the machine has."),
  }),
]);

const machine = z.strictObject({
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
      "Which machine stands under this key. Raise it when another machine takes its place or its disk was wiped: the old one is forgotten, the new one installed. Default: 1.",
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
      "How many NVIDIA GPUs it has that pods shall use; a licence may count them, and a rented plan without one is refused. Default: 0. The first one brings an image of its own, and a reboot.",
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
  failureDomain: name
    .optional()
    .describe(
      "Nodes of one domain may fail together: a rack, a host, a power feed. Default: each machine its own. In place.",
    ),
  labels: labels.default({}).describe("Node labels. In place."),
  taints: z.array(taint).default([]).describe("Node taints. In place."),
});

/** Schema of the site file. */
export const siteSchema = z.strictObject({
  name: name.describe("Name of the site and its cluster. A change replaces the cluster."),
  domain: domainName.describe("DNS domain of the site. In place."),
  provider: z
    .enum(PROVIDERS)
    .default("metal")
    .describe(
      "Where the machines come from: metal (your own, booted into maintenance mode), lab (simulated on this computer), proxmox (virtual machines), latitude, hetzner or vultr (rented). Default: metal. A change is for a new site.",
    ),
  latitude: latitudeSchema.optional(),
  proxmox: proxmoxSchema.optional(),
  hetzner: hetznerSchema.optional(),
  vultr: vultrSchema.optional(),
  network: network.describe("Network of the site."),
  pools: z.record(z.string(), pool).default({}).describe("Address pools, by name."),
  talos: talos.describe("Talos Linux."),
  kubernetes: kubernetes.describe("Kubernetes."),
  boot: bootSchema.optional(),
  platform: platformSchema.optional().describe("What runs in the cluster beside Kubernetes. Default: nothing."),
  upgrade: upgradeSchema
    .optional()
    .describe("How versions of a running site change. Default: one node after the other."),
  backup: backupSchema
    .optional()
    .describe(
      "Snapshots of etcd, encrypted and outside the cluster. Default: none, and no upgrade is begun without them.",
    ),
  maintenance: maintenanceSchema
    .optional()
    .describe("When a running cluster may be changed, and what runs around its changes. Default: always, and nothing."),
  licence: licenceSchema.optional(),
  telemetry: telemetrySchema.optional(),
  machines: z.record(z.string(), machine).describe("Machines by a stable inventory key that never changes."),
});

/** A site file as written. */
export type SiteFile = z.input<typeof siteSchema>;
/** A site file after parsing, defaults filled in. */
export type SiteSpec = z.output<typeof siteSchema>;
/** One machine of a {@link SiteSpec}. */
export type MachineSpec = SiteSpec["machines"][string];
/** An address in a {@link SiteSpec}. */
export type AddressSpec = MachineSpec["address"];
/** Disk encryption in a {@link SiteSpec}. */
export type EncryptionSpec = z.output<typeof encryption>;
/** One key of a volume in a {@link SiteSpec}. */
export type VolumeKeySpec = z.output<typeof volumeKey>;
