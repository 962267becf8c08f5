import { z } from "zod";
import { backupSchema } from "../backup/spec";
import { bootSchema } from "../boot/spec";
import { licenceSchema } from "../licensing/spec";
import { PROVIDERS } from "../machine/contract";
import { hetznerSchema } from "../machine/hetzner/spec";
import { latitudeSchema } from "../machine/latitude/spec";
import { proxmoxSchema } from "../machine/proxmox/spec";
import { vultrSchema } from "../machine/vultr/spec";
import { maintenanceSchema } from "../maintenance/spec";
import { platformSchema } from "../platform/spec";
import { telemetrySchema } from "../telemetry/spec";
import { type encryption, kubernetes, talos, type volumeKey } from "./area/cluster";
import { machine } from "./area/machine";
import { network, pool } from "./area/network";
import { domainName, name } from "./fields";
import { upgradeSchema } from "./upgrade";

/**
 * The site file: the `plinth:site` object of stacks/Pulumi.<env>.yaml. Descriptions are what an editor shows and what
 * the reference prints; each says what a change of the value does to a running site.
 */
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
