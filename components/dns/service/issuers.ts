import type { ObjectSpec, PlatformService, SecretSpec } from "../../kubernetes/service";
import { CERT_MANAGER } from "./certmanager";
import { API_KEY, POWERDNS_API, solverGroup } from "./powerdns";

/** Settings of the issuers. */
export interface IssuersSettings {
  /** Issuers by name; a Certificate of any namespace names one of them as its ClusterIssuer. In place. */
  readonly issuers: { readonly [name: string]: Issuer };
  /** Domain of the site. */
  readonly domain: string;
}

/** Who signs: a certificate authority by ACME, or one of the site's own. */
export interface Issuer {
  /** By ACME. @default - by an own authority, whose key outlives the cluster; nobody else trusts it */
  readonly acme?: AcmeIssuer;
}

/** A certificate authority that is asked by ACME. */
export interface AcmeIssuer {
  /** Contact of the account at the authority. Whether it writes before something expires is up to the authority. */
  readonly email: string;
  /** Directory of the authority. @default "https://acme-v02.api.letsencrypt.org/directory" */
  readonly server?: string;
  /** Certificates, as PEM, by which an authority inside of the site is known to be the one. @default - the public ones */
  readonly caBundle?: string;
  /** How it is shown that the name is ours: `http01` by the ingress, `powerdns` by a record of this site's own DNS. */
  readonly solver: "http01" | "powerdns";
}

const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

/** Issuers that every namespace can use. */
export function issuersService({ issuers, domain }: IssuersSettings): PlatformService {
  const names = Object.keys(issuers).sort();
  const solvers = new Set(names.map((name) => issuers[name]?.acme?.solver));
  const own = names.filter((name) => issuers[name]?.acme === undefined);
  return {
    type: "plinth:dns:Issuers",
    name: "issuers",
    path: "platform.cert-manager.issuers",
    needs: [
      "cert-manager",
      ...(solvers.has("http01") ? ["ingress"] : []),
      ...(solvers.has("powerdns") ? ["dns-solver"] : []),
    ],
    provides: ["certificates"],
    keep: {
      keypairs: Object.fromEntries(
        own.map((name) => [`ca-${name}`, { commonName: `${domain} ${name}`, authority: true, years: 10 }]),
      ),
    },
    secrets: Object.fromEntries(own.map((name) => [`ca-${name}`, authority(name)])),
    objects: Object.fromEntries(names.map((name) => [`issuer-${name}`, issuer(name, issuers[name] ?? {}, domain)])),
    exit: Object.fromEntries(
      names.map((name) => [
        `issuer ${name} is ready`,
        { apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", name, condition: "Ready" },
      ]),
    ),
  };
}

function authority(name: string): SecretSpec {
  return {
    namespace: CERT_MANAGER,
    name: `ca-${name}`,
    type: "kubernetes.io/tls",
    text: {
      "tls.crt": [{ keypair: `ca-${name}`, part: "certificate" }],
      "tls.key": [{ keypair: `ca-${name}`, part: "key" }],
    },
  };
}

function issuer(name: string, { acme }: Issuer, domain: string): ObjectSpec {
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "ClusterIssuer",
    metadata: { name },
    spec:
      acme === undefined
        ? { ca: { secretName: `ca-${name}` } }
        : {
            acme: {
              email: acme.email,
              server: acme.server ?? LETS_ENCRYPT,
              ...(acme.caBundle !== undefined && { caBundle: Buffer.from(acme.caBundle).toString("base64") }),
              privateKeySecretRef: { name: `${name}-account` },
              solvers: [acme.solver === "http01" ? http01() : powerdns(domain)],
            },
          },
  };
}

function http01() {
  return { http01: { ingress: { ingressClassName: "nginx", serviceType: "ClusterIP" } } };
}

function powerdns(domain: string) {
  return {
    dns01: {
      webhook: {
        groupName: solverGroup(domain),
        solverName: "pdns",
        config: { host: POWERDNS_API, apiKeySecretRef: { name: API_KEY, key: "key" } },
      },
    },
  };
}
