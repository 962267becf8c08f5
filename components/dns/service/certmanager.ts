import { deploymentAvailable, type PlatformService, type Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of cert-manager. */
export interface CertManagerSettings {
  /** Size: one of each part, two, or three webhooks and two of the rest. @default "standard" */
  readonly profile?: Profile;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

/** Where it lives, and with it what its issuers read. */
export const CERT_MANAGER = "cert-manager";

const REPLICAS = {
  minimal: { controller: 1, webhook: 1 },
  standard: { controller: 1, webhook: 2 },
  production: { controller: 2, webhook: 3 },
} as const;

/** cert-manager: certificates that renew themselves. */
export function certManagerService({ profile = "standard", values = {} }: CertManagerSettings): PlatformService {
  const { controller, webhook } = REPLICAS[profile];
  return {
    type: "plinth:dns:CertManager",
    name: "cert-manager",
    needs: ["network"],
    provides: ["cert-manager"],
    // The DNS-01 solver lives here, too, and says too little of its containers for the strictest level.
    namespace: { name: CERT_MANAGER, podSecurity: "baseline" },
    chart: {
      name: "cert-manager",
      namespace: CERT_MANAGER,
      values: mergeValues(
        {
          replicaCount: controller,
          cainjector: { replicaCount: controller },
          webhook: { replicaCount: webhook },
          ...(profile === "production" && {
            podDisruptionBudget: { enabled: true },
            webhook: { replicaCount: webhook, podDisruptionBudget: { enabled: true } },
          }),
        },
        values,
      ),
    },
    exit: {
      "cert-manager's webhook answers": {
        apiVersion: "cert-manager.io/v1",
        kind: "Certificate",
        namespace: CERT_MANAGER,
        name: "plinth-probe",
        admits: {
          spec: {
            secretName: "plinth-probe",
            dnsNames: ["plinth-probe.invalid"],
            issuerRef: { kind: "ClusterIssuer", name: "plinth-probe" },
          },
        },
      },
      "cert-manager works": deploymentAvailable(CERT_MANAGER, "cert-manager"),
    },
  };
}
