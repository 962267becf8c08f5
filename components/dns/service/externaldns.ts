import { deploymentAvailable, type PlatformService } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { API_KEY, apiKey, POWERDNS_API } from "./powerdns";

/** Settings of external-dns. */
export interface ExternalDnsSettings {
  /** Zones that it may write into. In place. */
  readonly zones: readonly string[];
  /** Name that it marks its records with: nobody else's record is ever changed. A change orphans them. */
  readonly owner: string;
  /** What it reads names from. In place. @default ["service", "ingress"] */
  readonly sources?: readonly string[];
  /** Whether it removes records whose Service or Ingress is gone (`sync`), or only adds and changes. @default "sync" */
  readonly policy?: "sync" | "upsert-only";
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "external-dns";

/** Names of Services and Ingresses as records in PowerDNS. */
export function externalDnsService(settings: ExternalDnsSettings): PlatformService {
  const { zones, owner, sources = ["service", "ingress"], policy = "sync", values = {} } = settings;
  return {
    type: "plinth:dns:ExternalDns",
    name: "external-dns",
    needs: ["network", "dns-zones"],
    provides: ["dns-records"],
    namespace: { name: NAMESPACE, podSecurity: "restricted" },
    secrets: { "api-key": apiKey(NAMESPACE) },
    chart: {
      name: "external-dns",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          provider: { name: "pdns" },
          extraArgs: [`--pdns-server=${POWERDNS_API}`],
          env: [{ name: "EXTERNAL_DNS_PDNS_API_KEY", valueFrom: { secretKeyRef: { name: API_KEY, key: "key" } } }],
          sources,
          policy,
          domainFilters: [...zones].sort(),
          txtOwnerId: owner,
        },
        values,
      ),
    },
    exit: {
      "external-dns writes records": deploymentAvailable(NAMESPACE, "external-dns"),
    },
  };
}
