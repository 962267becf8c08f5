import type { PlatformService, Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of ingress-nginx. */
export interface IngressNginxSettings {
  /** Size: one pod, two, or three spread over the nodes. @default "standard" */
  readonly profile?: Profile;
  /** MetalLB pool that gives its address. In place; the address changes. @default - any pool */
  readonly pool?: string;
  /** Address that it is reached at, of a MetalLB pool. In place. @default - any of the pool */
  readonly address?: string;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "ingress-nginx";
const REPLICAS = { minimal: 1, standard: 2, production: 3 } as const;

/** ingress-nginx behind an address of its own. */
export function ingressNginxService({
  profile = "standard",
  pool,
  address,
  values = {},
}: IngressNginxSettings): PlatformService {
  return {
    type: "plinth:network:IngressNginx",
    name: "ingress-nginx",
    needs: ["network", "load-balancer"],
    provides: ["ingress"],
    warnings: ["ingress-nginx: upstream ended its maintenance in March 2026; new services should use the Gateway API"],
    namespace: { name: NAMESPACE, podSecurity: "baseline" },
    chart: {
      name: "ingress-nginx",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          controller: {
            replicaCount: REPLICAS[profile],
            ingressClassResource: { default: true },
            service: {
              // The sender's own address reaches the services.
              externalTrafficPolicy: "Local",
              annotations: {
                ...(pool !== undefined && { "metallb.io/address-pool": pool }),
                ...(address !== undefined && { "metallb.io/loadBalancerIPs": address }),
              },
            },
            ...(profile === "production" && {
              topologySpreadConstraints: [
                {
                  maxSkew: 1,
                  topologyKey: "kubernetes.io/hostname",
                  whenUnsatisfiable: "ScheduleAnyway",
                  labelSelector: {
                    matchLabels: {
                      "app.kubernetes.io/name": "ingress-nginx",
                      "app.kubernetes.io/component": "controller",
                    },
                  },
                },
              ],
            }),
          },
        },
        values,
      ),
    },
    exit: {
      "the ingress has an address": {
        apiVersion: "v1",
        kind: "Service",
        namespace: NAMESPACE,
        name: "ingress-nginx-controller",
        field: "status.loadBalancer.ingress",
      },
      "the ingress' webhook answers": {
        apiVersion: "networking.k8s.io/v1",
        kind: "Ingress",
        namespace: NAMESPACE,
        name: "plinth-probe",
        admits: {
          spec: {
            ingressClassName: "nginx",
            defaultBackend: { service: { name: "plinth-probe", port: { number: 80 } } },
          },
        },
      },
    },
  };
}
