import { deploymentAvailable, type PlatformService } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of Sealed Secrets. */
export interface SealedSecretsSettings {
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

/** Where `kubeseal` looks for it unless it is told otherwise. */
const NAMESPACE = "kube-system";
const CONTROLLER = "sealed-secrets-controller";
const KEYPAIR = "sealed-secrets";

/** Sealed Secrets with a key that the next cluster has again: what was sealed for this one opens there. */
export function sealedSecretsService({ values = {} }: SealedSecretsSettings): PlatformService {
  return {
    type: "plinth:secrets:SealedSecrets",
    name: "sealed-secrets",
    needs: ["network"],
    provides: ["sealed-secrets"],
    keep: { keypairs: { [KEYPAIR]: { commonName: "sealed-secrets", authority: false, years: 10 } } },
    // The controller looks for keys when it starts, and makes one of its own where it finds none.
    secrets: {
      key: {
        namespace: NAMESPACE,
        name: "sealed-secrets-key-plinth",
        type: "kubernetes.io/tls",
        labels: { "sealedsecrets.bitnami.com/sealed-secrets-key": "active" },
        text: {
          "tls.crt": [{ keypair: KEYPAIR, part: "certificate" }],
          "tls.key": [{ keypair: KEYPAIR, part: "key" }],
        },
      },
    },
    chart: {
      name: "sealed-secrets",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          fullnameOverride: CONTROLLER,
          // A key that the controller renewed by itself would be lost with the cluster.
          keyrenewperiod: "0",
        },
        values,
      ),
    },
    exit: {
      "Sealed Secrets opens secrets": deploymentAvailable(NAMESPACE, CONTROLLER),
    },
  };
}
