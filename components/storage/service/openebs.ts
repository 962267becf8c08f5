import { stringify } from "yaml";
import { deploymentAvailable, type ObjectSpec, type PlatformService, type Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { classExists, lostWithMachine, onMachines, provided } from "./class";

/** Settings of OpenEBS' local volumes. */
export interface OpenEbsSettings {
  /** Size: one provisioner, or (production) a second one that takes over. @default "standard" */
  readonly profile?: Profile;
  /** Host names of the machines that lend their system disk. A machine taken out keeps the volumes it has. */
  readonly nodes: readonly string[];
  /** Whether its class is taken by claims that name none. In place. @default true */
  readonly isDefault?: boolean;
  /** What happens to a volume whose claim goes. Replaces the class; volumes keep theirs. @default "Delete" */
  readonly reclaim?: "Delete" | "Retain";
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "openebs";
const CLASS = "openebs-hostpath";
/** Folder below /var/mnt, where the kubelet sees it. The chart's own default, /var/openebs/local, is one it never sees. */
const FOLDER = "openebs";
const PATH = `/var/mnt/${FOLDER}`;

/** Volumes in a folder of the machine that the pod runs on, by OpenEBS' Local PV Hostpath; they end with the machine. */
export function openEbsService(settings: OpenEbsSettings): PlatformService {
  const { profile = "standard", nodes, isDefault = true, values = {} } = settings;
  return {
    type: "plinth:storage:OpenEbs",
    name: "openebs",
    needs: ["network"],
    provides: provided(CLASS, isDefault),
    // Its helper pods make and remove folders of the host.
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    directory: { name: FOLDER, nodes },
    chart: {
      name: "localpv-provisioner",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          analytics: { enabled: false },
          localpv: { basePath: PATH, replicas: profile === "production" ? 2 : 1 },
          // The chart's class has no topology: a pod could be sent to a machine without the folder, and wait there for ever.
          hostpathClass: { enabled: false },
        },
        values,
      ),
    },
    objects: { class: storageClass(settings) },
    exit: {
      "OpenEBS makes volumes": deploymentAvailable(NAMESPACE, "localpv-provisioner"),
      [`storage class ${CLASS} is there`]: classExists(CLASS),
    },
    warnings: [lostWithMachine("openebs")],
  };
}

/** The class of the machines that have the folder. Its provisioner reads annotations, not parameters. */
function storageClass({ nodes, isDefault = true, reclaim = "Delete" }: OpenEbsSettings): ObjectSpec {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: {
      name: CLASS,
      annotations: {
        "openebs.io/cas-type": "local",
        "cas.openebs.io/config": stringify([
          { name: "StorageType", value: "hostpath" },
          { name: "BasePath", value: PATH },
        ]),
        "storageclass.kubernetes.io/is-default-class": String(isDefault),
      },
    },
    provisioner: "openebs.io/local",
    reclaimPolicy: reclaim,
    volumeBindingMode: "WaitForFirstConsumer",
    allowedTopologies: onMachines(nodes),
  };
}
