import { deploymentAvailable, type PlatformService, type Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of Reloader. */
export interface ReloaderSettings {
  /** Size: one, or two of which one leads. @default "standard" */
  readonly profile?: Profile;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "reloader";

/** Reloader: pods that ask for it restart when a Secret or ConfigMap of theirs changes. */
export function reloaderService({ profile = "standard", values = {} }: ReloaderSettings): PlatformService {
  const several = profile === "production";
  return {
    type: "plinth:secrets:Reloader",
    name: "reloader",
    needs: ["network"],
    provides: ["reloader"],
    namespace: { name: NAMESPACE, podSecurity: "restricted" },
    chart: {
      name: "reloader",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          fullnameOverride: "reloader",
          reloader: {
            // Environment variables of its own would show as drift in whatever owns the workload.
            reloadStrategy: "annotations",
            enableHA: several,
            deployment: {
              replicas: several ? 2 : 1,
              containerSecurityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
            },
          },
        },
        values,
      ),
    },
    exit: {
      "Reloader watches": deploymentAvailable(NAMESPACE, "reloader"),
    },
  };
}
