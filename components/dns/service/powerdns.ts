import type { ObjectSpec, PlatformService, SecretSpec } from "../../kubernetes/service";
import { digestOf } from "../../kubernetes/values";
import { imageReference } from "../../release/versions";
import { neededClass } from "../../storage/service/class";
import { zoneScript } from "./zones";

/** Settings of PowerDNS. */
export interface PowerDnsSettings {
  /** Zones that it answers for, by name. In place; a zone taken out keeps its records until it is removed by hand. */
  readonly zones: { readonly [zone: string]: Zone };
  /** Address that it is reached at, of a MetalLB pool. In place. */
  readonly address: string;
  /** Addresses of servers that copy every zone and answer for it, too. In place. @default [] */
  readonly secondaries?: readonly string[];
  /** Size of the volume with the records, in GiB. Counts for a new volume: the claim `data-powerdns-0` keeps what it has. @default 1 */
  readonly sizeGiB?: number;
  /** Storage class of the volume. Counts for a new volume: the claim `data-powerdns-0` stays. @default - the default class */
  readonly storageClass?: string;
}

/** A zone of PowerDNS. */
export interface Zone {
  /** Its name servers, each with the address it has where its name lies in the zone. The first is the primary. */
  readonly nameservers: { readonly [host: string]: string };
}

const NAMESPACE = "powerdns";
/** Where its API is reached in the cluster. */
export const POWERDNS_API = "http://powerdns-api.powerdns:8081";
/** Name of its key, and of every Secret that holds it under `key`. */
export const API_KEY = "powerdns-api-key";
/** An ordinary user may not listen on 53; the Service does. */
const PORT = 5353;
const USER = 953;

/** Group that the DNS-01 solver serves its API under: its own for each site. */
export function solverGroup(domain: string): string {
  return `acme.${domain}`;
}

/** The key of the API as a Secret of a namespace. */
export function apiKey(namespace: string): SecretSpec {
  return { namespace, name: API_KEY, text: { key: [{ password: API_KEY }] } };
}

/** PowerDNS as the primary server of the site's zones; secondaries copy them. */
export function powerDnsService(settings: PowerDnsSettings): PlatformService {
  const { zones, address } = settings;
  const files = { "pdns.conf": serverConfig(zones), "zones.sh": zoneScript(settings) };
  return {
    type: "plinth:dns:PowerDns",
    name: "powerdns",
    needs: ["network", neededClass(settings.storageClass), "load-balancer"],
    provides: ["dns-zones"],
    namespace: { name: NAMESPACE, podSecurity: "restricted" },
    keep: { passwords: { [API_KEY]: { length: 40 } } },
    secrets: { "api-key": apiKey(NAMESPACE) },
    // Before the server that reads it when it starts.
    first: {
      config: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "powerdns", namespace: NAMESPACE },
        data: files,
      },
    },
    objects: {
      server: server(settings, digestOf(files)),
      api: service("powerdns-api", { ports: [{ name: "api", port: 8081, targetPort: 8081 }] }),
      dns: service(
        "powerdns",
        {
          type: "LoadBalancer",
          externalTrafficPolicy: "Local",
          ports: ["UDP", "TCP"].map((protocol) => ({
            name: `dns-${protocol.toLowerCase()}`,
            port: 53,
            targetPort: PORT,
            protocol,
          })),
        },
        { "metallb.io/loadBalancerIPs": address },
      ),
    },
    exit: {
      "PowerDNS answers": {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        namespace: NAMESPACE,
        name: "powerdns",
        field: "status.readyReplicas",
      },
      "PowerDNS has read its files": {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        namespace: NAMESPACE,
        name: "powerdns",
        field: "status.updatedReplicas",
      },
      "PowerDNS has its address": {
        apiVersion: "v1",
        kind: "Service",
        namespace: NAMESPACE,
        name: "powerdns",
        field: "status.loadBalancer.ingress",
      },
    },
  };
}

function serverConfig(zones: PowerDnsSettings["zones"]): string {
  const [primary = "ns1.invalid"] = Object.values(zones).flatMap(({ nameservers }) => Object.keys(nameservers));
  return [
    "launch=lmdb",
    "lmdb-filename=/var/lib/powerdns/pdns.lmdb",
    "local-address=0.0.0.0,::",
    `local-port=${PORT}`,
    "primary=yes",
    // Who may copy a zone is written in the zone itself.
    "allow-axfr-ips=",
    `default-soa-content=${primary}. hostmaster.@ 0 10800 3600 604800 3600`,
    "include-dir=/etc/powerdns/pdns.d",
    "",
  ].join("\n");
}

function service(name: string, spec: object, annotations?: { readonly [key: string]: string }): ObjectSpec {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: NAMESPACE, ...(annotations && { annotations }) },
    spec: { selector: { app: "powerdns" }, ...spec },
  };
}

/** One server: its store takes no second. Secondaries answer while it restarts. */
function server(settings: PowerDnsSettings, files: string): ObjectSpec {
  const { sizeGiB = 1, storageClass } = settings;
  const image = imageReference("powerdns");
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    runAsNonRoot: true,
    runAsUser: USER,
    seccompProfile: { type: "RuntimeDefault" },
  };
  const volumeMounts = [
    { name: "data", mountPath: "/var/lib/powerdns" },
    { name: "config", mountPath: "/etc/powerdns/pdns.conf", subPath: "pdns.conf" },
  ];
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "powerdns", namespace: NAMESPACE },
    spec: {
      replicas: 1,
      serviceName: "powerdns-api",
      selector: { matchLabels: { app: "powerdns" } },
      template: {
        // It reads its files once: with others it has to start again, whether the site has a Reloader or not.
        metadata: { labels: { app: "powerdns" }, annotations: { "plinth.dev/files": files } },
        spec: {
          securityContext: { fsGroup: USER },
          initContainers: [
            {
              name: "zones",
              image,
              command: ["/bin/sh", "/config/zones.sh"],
              securityContext,
              volumeMounts: [...volumeMounts, { name: "config", mountPath: "/config" }],
            },
          ],
          containers: [
            {
              name: "powerdns",
              image,
              env: [{ name: "PDNS_AUTH_API_KEY", valueFrom: { secretKeyRef: { name: API_KEY, key: "key" } } }],
              ports: [
                { name: "dns-udp", containerPort: PORT, protocol: "UDP" },
                { name: "dns-tcp", containerPort: PORT, protocol: "TCP" },
                { name: "api", containerPort: 8081 },
              ],
              readinessProbe: { tcpSocket: { port: "dns-tcp" } },
              securityContext,
              volumeMounts,
            },
          ],
          volumes: [{ name: "config", configMap: { name: "powerdns" } }],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            ...(storageClass !== undefined && { storageClassName: storageClass }),
            resources: { requests: { storage: `${sizeGiB}Gi` } },
          },
        },
      ],
    },
  };
}
