import { z } from "zod";
import type { PlatformService } from "../../kubernetes/service";
import type { Problem } from "../../problem";
import { name } from "../../site/fields";
import { type Draft, list, record } from "../../site/rules/draft";
import { localPathService } from "../../storage/service/localpath";
import { LONGHORN_EXTENSIONS, longhornService } from "../../storage/service/longhorn";
import { openEbsService } from "../../storage/service/openebs";
import { proxmoxCsiService } from "../../storage/service/proxmoxcsi";
import { seaweedFsMachines, seaweedFsService } from "../../storage/service/seaweedfs";
import type { PlatformSite } from "../site";
import { stackSecret, values } from "./fields";
import { folderProblems } from "./folders";

/** Storage: volumes of pods, and objects. */

const machines = z
  .array(z.string())
  .min(1)
  .optional()
  .describe("Machines that lend their system disk. Default: all on which ordinary pods run. In place.");

const isDefault = z
  .boolean()
  .optional()
  .describe("Whether it is taken by claims that name no class. Default: yes. In place.");

const localPath = z.strictObject({ machines, default: isDefault, values });

const longhorn = z.strictObject({
  machines,
  default: isDefault,
  v2: z
    .boolean()
    .default(false)
    .describe(
      "The second data engine, which keeps one core of every storage machine busy at 100 % and needs huge pages and kernel modules, which plinth does not set. In place.",
    ),
  backup: z
    .strictObject({
      target: z
        .string()
        .regex(/^(s3|nfs|cifs|azblob):\/\/\S+$/, "write it as s3://bucket@region/path")
        .describe("Backup target as Longhorn writes it, as s3://bucket@region/path. In place."),
      secret: stackSecret.optional().describe("Secret of the stack with its credentials, a JSON object of texts."),
    })
    .optional()
    .describe("Where backups of volumes go. Default: nowhere."),
  values,
});

const reclaim = z
  .enum(["Delete", "Retain"])
  .default("Delete")
  .describe("What happens to a volume whose claim goes. Replaces the class; volumes keep theirs.");

const openebs = z.strictObject({ machines, default: isDefault, reclaim, values });

const proxmoxClass = z.strictObject({
  storage: z
    .string()
    .min(1)
    .describe("Storage of Proxmox that holds its volumes, as local-zfs. Replaces the class; volumes keep theirs."),
  filesystem: z
    .enum(["ext4", "xfs"])
    .default("ext4")
    .describe("File system of its volumes. Replaces the class; volumes keep theirs."),
  reclaim,
  default: z.boolean().optional().describe("Whether it is taken by claims that name no class. In place."),
});

const proxmoxCsi = z.strictObject({
  url: z
    .url({ protocol: /^https$/ })
    .describe("API of the Proxmox cluster, as https://pve.example.org:8006/api2/json."),
  region: z.string().min(1).describe("Region that every machine has as its label topology.kubernetes.io/region."),
  tokenId: z
    .string()
    .regex(/^[^\s@!]+@[^\s@!]+![^\s@!]+$/, "write it as user@realm!token")
    .describe("Id of an API token. In place."),
  token: stackSecret.default("proxmox-csi").describe("Secret of the stack that holds the token. In place."),
  insecure: z.boolean().default(false).describe("Whether a certificate that nobody signed is taken. In place."),
  classes: z.record(name, proxmoxClass).describe("Storage classes by name."),
  values,
});

const seaweedFs = z.strictObject({
  sizeGiB: z.int().min(1).default(20).describe("Size of each volume that holds objects, in GiB. They never shrink."),
  values,
});

/** The area's part of the section. */
export const storageShape = {
  "local-path": localPath.optional().describe("Volumes on the machine that the pod runs on. Default: none."),
  longhorn: longhorn.optional().describe("Volumes with copies on several machines. Default: none."),
  openebs: openebs.optional().describe("Volumes on the machine that the pod runs on, by OpenEBS. Default: none."),
  "proxmox-csi": proxmoxCsi.optional().describe("Volumes as disks of Proxmox machines. Default: none."),
  seaweedfs: seaweedFs.optional().describe("An object store that speaks S3. Default: none."),
};

type Section = z.output<z.ZodObject<typeof storageShape>>;

/** The services the section asks for. */
export function storageServices(section: Section, site: PlatformSite): readonly PlatformService[] {
  const { profile } = site;
  const { "local-path": local, longhorn, openebs, "proxmox-csi": proxmox, seaweedfs } = section;
  return [
    ...(local ? [localPathService({ nodes: lenders(local.machines, site), ...renamed(local) })] : []),
    ...(longhorn
      ? [
          longhornService({
            profile,
            nodes: lenders(longhorn.machines, site),
            v2: longhorn.v2,
            ...renamed(longhorn),
            ...(longhorn.backup && { backupTarget: longhorn.backup.target }),
            ...(longhorn.backup?.secret !== undefined && { backupSecret: longhorn.backup.secret }),
          }),
        ]
      : []),
    ...(openebs
      ? [
          openEbsService({
            profile,
            nodes: lenders(openebs.machines, site),
            reclaim: openebs.reclaim,
            ...renamed(openebs),
          }),
        ]
      : []),
    ...(proxmox ? [proxmoxCsiService({ ...proxmox, classes: proxmoxClasses(proxmox.classes) })] : []),
    ...(seaweedfs ? [seaweedFsService({ profile, ...seaweedfs })] : []),
  ];
}

function renamed({ default: isDefault, values }: NonNullable<Section["local-path"]>) {
  return { values, ...(isDefault !== undefined && { isDefault }) };
}

function proxmoxClasses(classes: NonNullable<Section["proxmox-csi"]>["classes"]) {
  return Object.fromEntries(
    Object.entries(classes).map(([key, { default: isDefault, ...rest }]) => [
      key,
      { ...rest, ...(isDefault !== undefined && { isDefault }) },
    ]),
  );
}

/** Host names of the machines by key, or of all on which ordinary pods run. */
function lenders(keys: readonly string[] | undefined, { hosts, workloads }: PlatformSite): readonly string[] {
  return keys === undefined ? workloads : keys.flatMap((key) => hosts.get(key) ?? []);
}

/** What is wrong between the area's fields and those of the machines. */
export function storageProblems(section: Section, site: PlatformSite, draft: Draft): Problem[] {
  return [
    ...copyProblems(section, site),
    ...machineProblems(section, draft),
    ...folderProblems(section),
    ...extensionProblems(section, draft),
    ...topologyProblems(section, draft),
  ];
}

/** Copies of an object store are worth nothing on one machine, and its chart starts none there. */
function copyProblems({ seaweedfs }: Section, { profile, workloads }: PlatformSite): Problem[] {
  const parts = seaweedfs === undefined ? 0 : seaweedFsMachines({ profile, ...seaweedfs });
  if (parts <= Math.max(1, workloads.length)) return [];
  const machines = `${workloads.length} ${workloads.length === 1 ? "machine" : "machines"}`;
  return [
    {
      path: "platform.seaweedfs",
      reason: `has ${parts} parts, each on a machine of its own, and ordinary pods run on ${machines}`,
      fix: "add workers, let ordinary pods onto the control planes with kubernetes.scheduleOnControlPlanes, or write fewer replicas in its values",
    },
  ];
}

/** A folder is made on machines that there are; a class on others would have nowhere to put a volume. */
function machineProblems(section: Section, { machines }: Draft): Problem[] {
  const known = machines.map(({ key }) => key);
  return (["local-path", "longhorn", "openebs"] as const).flatMap((part) =>
    (section[part]?.machines ?? []).flatMap((key, index) =>
      known.includes(key)
        ? []
        : [
            {
              path: `platform.${part}.machines[${index}]`,
              reason: `there is no machine "${key}" that could have the folder for its volumes`,
              fix: `use ${known.join(", ")}`,
            },
          ],
    ),
  );
}

function extensionProblems({ longhorn }: Section, { talos }: Draft): Problem[] {
  // Nobody knows what is in an image that was made elsewhere.
  if (longhorn === undefined || talos.schematic !== undefined) return [];
  const missing = LONGHORN_EXTENSIONS.filter((extension) => !list(talos.extensions).includes(extension));
  if (missing.length === 0) return [];
  return [
    {
      path: "talos.extensions",
      reason: `${missing.join(", ")} missing: Longhorn mounts its volumes with them`,
      fix: "add them; machines that run already get them with the next upgrade",
    },
  ];
}

const TOPOLOGY = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"] as const;

/** The driver finds the host of a machine by its labels. */
function topologyProblems({ "proxmox-csi": proxmox }: Section, { machines }: Draft): Problem[] {
  if (proxmox === undefined) return [];
  return machines.flatMap(({ key, raw }): Problem[] => {
    const labels = record(raw.labels);
    const [region, zone] = TOPOLOGY.map((label) => labels[label]);
    return [
      ...(region === proxmox.region
        ? []
        : [
            {
              path: `machines.${key}.labels`,
              reason:
                region === undefined
                  ? `${TOPOLOGY[0]} missing, by which Proxmox CSI finds its cluster`
                  : `${TOPOLOGY[0]} is ${String(region)}, and platform.proxmox-csi.region is ${proxmox.region}`,
              fix: `write ${TOPOLOGY[0]}: ${proxmox.region}`,
            },
          ]),
      ...(typeof zone === "string"
        ? []
        : [
            {
              path: `machines.${key}.labels`,
              reason: `${TOPOLOGY[1]} missing, by which Proxmox CSI finds its host`,
              fix: `write ${TOPOLOGY[1]} with the name of the Proxmox node that it runs on`,
            },
          ]),
    ];
  });
}
