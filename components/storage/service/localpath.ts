import { deploymentAvailable, type PlatformService } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { versions } from "../../release/versions";
import { classExists, lostWithMachine, onMachines, provided } from "./class";

/** Settings of the local-path provisioner. */
export interface LocalPathSettings {
  /** Host names of the machines that lend their system disk. A machine taken out keeps the volumes it has. */
  readonly nodes: readonly string[];
  /** Whether its class is taken by claims that name none. In place. @default true */
  readonly isDefault?: boolean;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "local-path-storage";
const CLASS = "local-path";
/** Folder below /var/mnt, where the kubelet sees it. */
const FOLDER = "local-path";

/** Volumes in a folder of the machine that the pod runs on; they end with the machine. */
export function localPathService({ nodes, isDefault = true, values = {} }: LocalPathSettings): PlatformService {
  const { repository, version } = versions().images.busybox ?? {};
  return {
    type: "plinth:storage:LocalPath",
    name: "local-path",
    needs: ["network"],
    provides: provided(CLASS, isDefault),
    // Its helper pods make and remove folders of the host.
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    directory: { name: FOLDER, nodes },
    chart: {
      name: "local-path-provisioner",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          helperImage: { repository, tag: version },
          // Only machines with the folder, which are all that are named here.
          nodePathMap: nodes.map((node) => ({ node, paths: [`/var/mnt/${FOLDER}`] })),
          storageClass: {
            name: CLASS,
            defaultClass: isDefault,
            allowedTopologies: onMachines(nodes),
          },
        },
        values,
      ),
    },
    exit: {
      "local-path makes volumes": deploymentAvailable(NAMESPACE, "local-path-provisioner"),
      [`storage class ${CLASS} is there`]: classExists(CLASS),
    },
    warnings: [lostWithMachine("local-path")],
  };
}
