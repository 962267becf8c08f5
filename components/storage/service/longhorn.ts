import type { GateCheck } from "../../kubernetes/Gate";
import type { Guard, PlatformService, Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { chartPin } from "../../release/versions";
import { classExists, provided } from "./class";

/** Settings of Longhorn. */
export interface LonghornSettings {
  /** Size: copies of every volume (1, 2, 3) and of Longhorn's own parts. @default "standard" */
  readonly profile?: Profile;
  /** Host names of the machines that lend their system disk. */
  readonly nodes: readonly string[];
  /** Whether its class is taken by claims that name none. In place. @default true */
  readonly isDefault?: boolean;
  /**
   * The second data engine, which polls its disks: one core of every storage machine is busy at 100 %, whether
   * anything is written or not. Needs huge pages and kernel modules, which plinth does not set. In place. @default false
   */
  readonly v2?: boolean;
  /** Where backups of volumes go, as s3://bucket@region/path. In place. @default - nowhere */
  readonly backupTarget?: string;
  /** Secret of the stack's configuration with the target's credentials, a JSON object as Longhorn wants it. @default - none */
  readonly backupSecret?: string;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

/** What Longhorn runs on the machines themselves. */
export const LONGHORN_EXTENSIONS = ["siderolabs/iscsi-tools", "siderolabs/util-linux-tools"];

const NAMESPACE = "longhorn-system";
const CLASS = "longhorn";
const FOLDER = "longhorn";
const CREDENTIALS = "longhorn-backup";
const COPIES = { minimal: 1, standard: 2, production: 3 } as const;

/** Volumes with copies on several machines. */
export function longhornService(settings: LonghornSettings): PlatformService {
  const { nodes, isDefault = true, v2 = false, backupTarget, backupSecret } = settings;
  return {
    type: "plinth:storage:Longhorn",
    name: "longhorn",
    needs: ["network"],
    provides: provided(CLASS, isDefault),
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    directory: { name: FOLDER, nodes },
    ...(backupSecret !== undefined && {
      secrets: { backup: { namespace: NAMESPACE, name: CREDENTIALS, text: { stack: backupSecret } } },
    }),
    guard: backedUp(),
    chart: { name: "longhorn", namespace: NAMESPACE, values: longhornValues(settings), seconds: 900 },
    exit: {
      "Longhorn's manager runs": {
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        namespace: NAMESPACE,
        name: "longhorn-manager",
        field: "status.numberReady",
      },
      "Longhorn's driver is registered": {
        apiVersion: "storage.k8s.io/v1",
        kind: "CSIDriver",
        name: "driver.longhorn.io",
        exists: true,
      },
      [`storage class ${CLASS} is there`]: classExists(CLASS),
    },
    warnings: [
      ...(v2
        ? [
            "longhorn: v2 keeps one core of every storage machine busy at 100 %, and wants huge pages and kernel modules that plinth gives no machine",
          ]
        : []),
      ...(backupTarget === undefined
        ? ["longhorn: no backupTarget; copies on other machines are no backup, and an upgrade cannot be taken back"]
        : []),
      "longhorn: it refuses to be taken out until its deleting-confirmation-flag is set (docs/platform.md, Storage on Talos)",
    ],
  };
}

function longhornValues({
  profile = "standard",
  isDefault = true,
  v2 = false,
  backupTarget,
  backupSecret,
  values = {},
}: LonghornSettings): Values {
  const copies = COPIES[profile];
  return mergeValues(
    {
      defaultSettings: {
        defaultDataPath: `/var/mnt/${FOLDER}`,
        defaultReplicaCount: copies,
        v2DataEngine: v2,
        // A drained machine must not hold the last copy of anything.
        nodeDrainPolicy: "block-if-contains-last-replica",
        allowCollectingLonghornUsageMetrics: false,
        upgradeChecker: false,
      },
      persistence: { defaultClass: isDefault, defaultClassReplicaCount: copies },
      csi: {
        attacherReplicaCount: copies,
        provisionerReplicaCount: copies,
        resizerReplicaCount: copies,
        snapshotterReplicaCount: copies,
      },
      longhornUI: { replicas: profile === "production" ? 2 : 1 },
      ...(backupTarget !== undefined && {
        defaultBackupStore: {
          backupTarget,
          ...(backupSecret !== undefined && { backupTargetCredentialSecret: CREDENTIALS }),
        },
      }),
    },
    values,
  );
}

/** A migration of the volumes cannot be taken back: where another version runs, this one waits for a backup. */
function backedUp(): Guard {
  const { version } = chartPin("longhorn");
  const name = `before-${version.replace(/\./g, "-")}`;
  const check: GateCheck = {
    apiVersion: "longhorn.io/v1beta2",
    kind: "SystemBackup",
    namespace: NAMESPACE,
    name,
    field: "status.state",
    equals: "Ready",
    onlyWith: {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      namespace: NAMESPACE,
      name: "longhorn-manager",
      // What runs already is not upgraded: neither a refresh nor another kubeconfig asks for a backup.
      unlessLabels: { "helm.sh/chart": `longhorn-${version}` },
    },
  };
  const how = "made in Longhorn's UI, or as docs/platform.md shows";
  return { objects: {}, done: { [`SystemBackup ${name} of Longhorn is taken, ${how}`]: check } };
}
