/** The boundary of the Talos resources: schemas of their inputs and outputs. */
import { z } from "zod";
import { backupSchema } from "../../components/backup/spec";
import { maintenanceSchema } from "../../components/maintenance/spec";
import type { ClusterReleaseInputs, ClusterReleaseOutputs } from "../../components/talos/ClusterRelease";
import { durationSeconds } from "../wait";

/** An IPv4 or IPv6 address without a prefix length. */
export const address = z.union([z.ipv4(), z.ipv6()], { error: "is not an IP address" });
const version = z.string().regex(/^v\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/, "is not a version such as v1.13.0");
const duration = z
  .string()
  .refine((text) => durationSeconds(text) !== undefined, "is not a duration such as 30s, 5m or 1h30m");
/** Talos splits a name with dots and calls the Node by its first label: plinth would wait for a Node that never comes. */
const name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    "is not a host name of one label in lower case: Talos calls the Node by the first one, so write cp-1 instead of cp-1.example.org",
  );

export const clientConfiguration = z.strictObject({
  caCertificate: z.string().min(1),
  clientCertificate: z.string().min(1),
  clientKey: z.string().min(1),
});

const node = z.strictObject({
  type: z.enum(["controlplane", "worker"]),
  address,
  reach: address.exactOptional(),
  hostname: name,
  talos: version,
  kubernetes: version,
  schematic: z.string().exactOptional(),
  failureDomain: z.string().exactOptional(),
  generation: z.int().min(1).exactOptional(),
  adopted: z.boolean().exactOptional(),
  patches: z.array(z.string()).readonly(),
});

export const releaseInputs: z.ZodType<ClusterReleaseInputs> = z.strictObject({
  clusterName: z.string().min(1),
  clientConfiguration,
  kubeconfig: z.string().min(1),
  configuration: z.strictObject({ controlplane: z.string().min(1), worker: z.string().min(1).exactOptional() }),
  nodes: z.record(z.string(), node),
  timeouts: z
    .strictObject({
      etcd: duration.exactOptional(),
      ready: duration.exactOptional(),
      upgrade: duration.exactOptional(),
      drain: duration.exactOptional(),
    })
    .exactOptional(),
  secretPatches: z.record(z.string(), z.array(z.string()).readonly()).exactOptional(),
  onDestroy: z.enum(["keep", "reset"]).exactOptional(),
  allow: z.array(z.string().min(1)).readonly().exactOptional(),
  upgrade: z
    .strictObject({
      factory: z.string().min(1).exactOptional(),
      secureBoot: z.boolean().exactOptional(),
      platform: z.string().min(1).exactOptional(),
      workersAtOnce: z.int().min(1).exactOptional(),
      together: z.boolean().exactOptional(),
      services: z.array(z.string().min(1)).readonly().exactOptional(),
      available: z
        .strictObject({
          talos: z.array(version).readonly().exactOptional(),
          kubernetes: z.array(version).readonly().exactOptional(),
        })
        .exactOptional(),
    })
    .exactOptional(),
  backup: backupSchema.exactOptional(),
  maintenance: maintenanceSchema.exactOptional(),
});

/** Partial results of a first run store less; what is missing counts as "nothing reached". */
export const releaseOutputs = z.object({
  running: z
    .record(
      z.string(),
      z.object({
        talos: z.string(),
        kubernetes: z.string().exactOptional(),
        schematic: z.string().exactOptional(),
        pushed: z.string(),
        confirmed: z.string(),
        running: z.string(),
        generation: z.int().exactOptional(),
        wiped: z.boolean().exactOptional(),
        drift: z.array(z.string()).readonly(),
      }),
    )
    .default({}),
  phase: z.enum(["converged", "partial"]).default("partial"),
  journal: z
    .array(
      z.object({
        node: z.string(),
        action: z.enum([
          "preflight",
          "gate",
          "forfeit",
          "apply",
          "verify",
          "adopt",
          "renew",
          "leave",
          "reset",
          "snapshot",
          "install",
          "drain",
          "reboot",
          "uncordon",
          "record",
          "kubernetes",
        ]),
        result: z.enum(["done", "failed", "skipped"]),
        detail: z.string(),
      }),
    )
    .readonly()
    .default([]),
  upgrades: z
    .array(
      z.object({
        axis: z.enum(["talos", "kubernetes"]),
        from: z.string(),
        to: z.string(),
        nodes: z.array(z.string()).readonly(),
        etcdFormat: z.boolean(),
        snapshot: z.string().exactOptional(),
        at: z.string(),
      }),
    )
    .readonly()
    .default([]),
  rolledOut: z.string().exactOptional(),
  leaving: z
    .record(
      z.string(),
      z.object({
        type: z.enum(["controlplane", "worker"]),
        address: z.string(),
        reach: z.string().exactOptional(),
        hostname: z.string(),
      }),
    )
    .exactOptional(),
  replaced: z.record(z.string(), z.array(z.string()).readonly()).exactOptional(),
}) satisfies z.ZodType<ClusterReleaseOutputs>;
