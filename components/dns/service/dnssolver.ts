import type { PlatformService } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { CERT_MANAGER } from "./certmanager";
import { apiKey, solverGroup } from "./powerdns";

/** Settings of the DNS-01 solver. */
export interface DnsSolverSettings {
  /** Domain of the site; its API is served below it. */
  readonly domain: string;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

/** What lets cert-manager show by a record in PowerDNS that a name is ours; wildcards need it. */
export function dnsSolverService({ domain, values = {} }: DnsSolverSettings): PlatformService {
  const group = solverGroup(domain);
  return {
    type: "plinth:dns:DnsSolver",
    name: "dns-solver",
    path: "platform.cert-manager.issuers",
    needs: ["cert-manager", "dns-zones"],
    provides: ["dns-solver"],
    secrets: { "api-key": apiKey(CERT_MANAGER) },
    chart: {
      name: "cert-manager-webhook-pdns",
      namespace: CERT_MANAGER,
      values: mergeValues({ groupName: group }, values),
    },
    exit: {
      "the DNS-01 solver answers": {
        apiVersion: "apiregistration.k8s.io/v1",
        kind: "APIService",
        name: `v1alpha1.${group}`,
        condition: "Available",
      },
    },
  };
}
