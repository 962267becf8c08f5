import type { PlatformService } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of NVIDIA's device plugin. */
export interface NvidiaSettings {
  /** Values of the chart over plinth's own. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "nvidia-device-plugin";

/** NVIDIA's device plugin: pods ask for `nvidia.com/gpu`, and choose the runtime by `runtimeClassName: nvidia`. */
export function nvidiaService({ values = {} }: NvidiaSettings): PlatformService {
  return {
    type: "plinth:machine:NvidiaDevicePlugin",
    name: "nvidia-device-plugin",
    needs: ["network"],
    provides: ["gpu"],
    // The plugin's own pods run in it: without it they would never be admitted.
    first: {
      "runtime-class": {
        apiVersion: "node.k8s.io/v1",
        kind: "RuntimeClass",
        metadata: { name: "nvidia" },
        handler: "nvidia",
      },
    },
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    chart: {
      name: "nvidia-device-plugin",
      namespace: NAMESPACE,
      values: mergeValues({ runtimeClassName: "nvidia" }, values),
    },
    exit: {
      "the device plugin runs on a node with a GPU": {
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        namespace: NAMESPACE,
        name: "nvidia-device-plugin",
        field: "status.numberReady",
      },
    },
  };
}
