import type { Checks, PlatformService, SecretSpec } from "../../kubernetes/service";

/** Settings of one exposed service. */
export interface ExposeSettings {
  /** Name that it is reached at. In place. */
  readonly host: string;
  /** Service in the cluster that answers. In place. */
  readonly to: BackendService;
  /** Issuer of its certificate; false leaves it on plain HTTP. In place. */
  readonly tls: string | false;
  /** Who may enter: everybody, or whom the stack's secret names in htpasswd lines. In place. @default - everybody */
  readonly auth?: { readonly basic: string };
}

/** A Service and the port of it. */
export interface BackendService {
  /** Its namespace. */
  readonly namespace: string;
  /** Its name. */
  readonly name: string;
  /** Its port, by number. */
  readonly port: number;
}

/** HTTPS for a service of the cluster: a host, its certificate, and who may enter. */
export function exposeService(name: string, { host, to, tls, auth }: ExposeSettings): PlatformService {
  const secretName = `${name}-tls`;
  return {
    type: "plinth:network:Expose",
    name: `expose-${name}`,
    path: `platform.expose.${name}`,
    needs: ["ingress", ...(tls === false ? [] : ["certificates"])],
    provides: [],
    entry: {
      [`namespace ${to.namespace} is there`]: { apiVersion: "v1", kind: "Namespace", name: to.namespace, exists: true },
    },
    ...(auth && { secrets: { auth: users(name, to.namespace, auth.basic) } }),
    objects: {
      ingress: {
        apiVersion: "networking.k8s.io/v1",
        kind: "Ingress",
        metadata: {
          name,
          namespace: to.namespace,
          annotations: {
            ...(tls !== false && {
              "cert-manager.io/cluster-issuer": tls,
              "nginx.ingress.kubernetes.io/force-ssl-redirect": "true",
            }),
            ...(auth && {
              "nginx.ingress.kubernetes.io/auth-type": "basic",
              "nginx.ingress.kubernetes.io/auth-secret": `${name}-auth`,
              "nginx.ingress.kubernetes.io/auth-realm": host,
            }),
          },
        },
        spec: {
          ingressClassName: "nginx",
          ...(tls !== false && { tls: [{ hosts: [host], secretName }] }),
          rules: [
            {
              host,
              http: {
                paths: [
                  {
                    path: "/",
                    pathType: "Prefix",
                    backend: { service: { name: to.name, port: { number: to.port } } },
                  },
                ],
              },
            },
          ],
        },
      },
    },
    exit: {
      [`${host} has an address`]: {
        apiVersion: "networking.k8s.io/v1",
        kind: "Ingress",
        namespace: to.namespace,
        name,
        field: "status.loadBalancer.ingress",
      },
      ...(tls !== false && certificate(host, to.namespace, secretName)),
    },
  };
}

function certificate(host: string, namespace: string, name: string): Checks {
  return {
    [`the certificate of ${host} is issued`]: {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      namespace,
      name,
      condition: "Ready",
    },
  };
}

function users(name: string, namespace: string, secret: string): SecretSpec {
  return { namespace, name: `${name}-auth`, text: { auth: [{ stack: secret }] } };
}
