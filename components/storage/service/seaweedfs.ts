import type { PlatformService, Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of SeaweedFS. */
export interface SeaweedFsSettings {
  /** Size: everything in one pod, or (production) three masters and volumes with a copy on another machine. @default "standard" */
  readonly profile?: Profile;
  /** Size of each volume that holds objects, in GiB. Volumes never shrink. @default 20 */
  readonly sizeGiB?: number;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "seaweedfs";
const CONFIG = "seaweedfs-s3-config";

/** An object store that speaks S3, for what needs one. Its keys outlive the cluster. */
export function seaweedFsService({
  profile = "standard",
  sizeGiB = 20,
  values = {},
}: SeaweedFsSettings): PlatformService {
  const several = profile === "production";
  return {
    type: "plinth:storage:SeaweedFs",
    name: "seaweedfs",
    needs: ["network", "storage"],
    provides: ["object-store"],
    namespace: { name: NAMESPACE, podSecurity: "baseline" },
    keep: { passwords: { "s3-access-key": { length: 20 }, "s3-secret-key": { length: 40 } } },
    secrets: {
      s3: {
        namespace: NAMESPACE,
        name: CONFIG,
        text: {
          seaweedfs_s3_config: [
            '{"identities":[{"name":"platform","credentials":[{"accessKey":"',
            { password: "s3-access-key" },
            '","secretKey":"',
            { password: "s3-secret-key" },
            '"}],"actions":["Admin","Read","Write","List","Tagging"]}]}',
          ],
        },
      },
    },
    chart: {
      name: "seaweedfs",
      namespace: NAMESPACE,
      values: mergeValues(several ? severalPods(sizeGiB) : onePod(sizeGiB), values),
    },
    exit: {
      "the object store answers": {
        apiVersion: "apps/v1",
        kind: several ? "StatefulSet" : "Deployment",
        namespace: NAMESPACE,
        name: several ? "seaweedfs-filer" : "seaweedfs-all-in-one",
        field: "status.readyReplicas",
      },
    },
  };
}

/** How many of its parts want a machine of their own: the chart lets no two masters, and no two volume servers, share one. */
export function seaweedFsMachines(settings: SeaweedFsSettings): number {
  const { master, volume } = seaweedFsService(settings).chart?.values ?? {};
  return Math.max(...[master, volume].map((part) => Number((part as Values | undefined)?.replicas ?? 1)));
}

function onePod(sizeGiB: number): Values {
  return {
    master: { enabled: false },
    volume: { enabled: false },
    filer: { enabled: false },
    allInOne: {
      enabled: true,
      data: { type: "persistentVolumeClaim", size: `${sizeGiB}Gi` },
      s3: { enabled: true, enableAuth: true, existingConfigSecret: CONFIG },
    },
  };
}

function severalPods(sizeGiB: number): Values {
  const claim = (size: string) => ({ type: "persistentVolumeClaim", size });
  return {
    // Every object once more, on another machine.
    global: { seaweedfs: { enableReplication: true, replicationPlacement: "001" } },
    master: { replicas: 3, data: claim("1Gi"), logs: { type: "emptyDir" } },
    volume: { replicas: 3, dataDirs: [{ name: "data", maxVolumes: 0, ...claim(`${sizeGiB}Gi`) }] },
    filer: {
      replicas: 2,
      data: claim("5Gi"),
      logs: { type: "emptyDir" },
      s3: { enabled: true, enableAuth: true, existingConfigSecret: CONFIG },
    },
  };
}
