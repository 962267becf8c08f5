import { z } from "zod";
import { certManagerService } from "../../dns/service/certmanager";
import { dnsSolverService } from "../../dns/service/dnssolver";
import { externalDnsService } from "../../dns/service/externaldns";
import { issuersService } from "../../dns/service/issuers";
import { powerDnsService } from "../../dns/service/powerdns";
import { within } from "../../dns/service/zones";
import type { PlatformService } from "../../kubernetes/service";
import type { Problem } from "../../problem";
import { complain, domainName, ipAddress, name } from "../../site/fields";
import type { PlatformSite } from "../site";
import { given, values } from "./fields";

/** Names and certificates. */

const powerdns = z.strictObject({
  address: ipAddress.describe("Address that it is reached at, of a MetalLB pool. In place."),
  zones: z
    .record(
      domainName,
      z.strictObject({
        nameservers: z
          .record(domainName, ipAddress)
          .superRefine((servers, ctx) => {
            if (Object.keys(servers).length === 0)
              complain(ctx, "is empty", "name at least one server with its address");
          })
          .describe("Its name servers with their addresses; the first is the primary. In place."),
      }),
    )
    .describe("Zones that it answers for. In place; a zone taken out keeps its records."),
  secondaries: z
    .array(ipAddress)
    .default([])
    .describe("Servers that copy every zone, by the addresses that they come from. In place."),
  sizeGiB: z.int().min(1).default(1).describe("Size of the volume with the records, in GiB. Counts for a new volume."),
  storageClass: name
    .optional()
    .describe("Storage class of the volume. Default: the default class. Counts for a new volume."),
});

const issuer = z.strictObject({
  acme: z
    .strictObject({
      email: z.email().describe("Contact of the account at the authority."),
      server: z
        .url({ protocol: /^https$/ })
        .optional()
        .describe("Directory of the authority. Default: Let's Encrypt."),
      caBundle: z
        .string()
        .regex(/-----BEGIN CERTIFICATE-----/, "write the certificates as PEM")
        .optional()
        .describe("Certificates, as PEM, that an authority inside of the site is known by. Default: the public ones."),
      solver: z
        .enum(["http01", "powerdns"])
        .describe("How it is shown that a name is ours: by the ingress, or by a record of platform.powerdns."),
    })
    .optional()
    .describe("A certificate authority that is asked by ACME. Default: one of the site's own."),
});

const certManager = z.strictObject({
  issuers: z.record(name, issuer).default({}).describe("Issuers that every namespace can use, by name. In place."),
  default: name.optional().describe("Issuer where none is named. Default: the first by name."),
  values,
});

/** What external-dns reads names from, of what a site of plinth's has; others are a matter of `values.sources`. */
const SOURCES = [
  "service",
  "ingress",
  "node",
  "pod",
  "crd",
  "gateway-httproute",
  "gateway-grpcroute",
  "gateway-tlsroute",
  "gateway-tcproute",
  "gateway-udproute",
] as const;

const externalDns = z.strictObject({
  sources: z
    .array(z.enum(SOURCES))
    .min(1)
    .default(["service", "ingress"])
    .describe("What it reads names from. In place."),
  policy: z
    .enum(["sync", "upsert-only"])
    .default("sync")
    .describe("Whether records go with their Service or Ingress, or stay. In place."),
  values,
});

/** The area's part of the section. */
export const dnsShape = {
  powerdns: powerdns.optional().describe("PowerDNS as primary of the site's zones. Default: none."),
  "cert-manager": certManager.optional().describe("Certificates that renew themselves. Default: none."),
  "external-dns": externalDns.optional().describe("Records in PowerDNS for Services and Ingresses. Default: none."),
};

type Section = z.output<z.ZodObject<typeof dnsShape>>;

/** The services the section asks for. */
export function dnsServices(section: Section, { profile, domain }: PlatformSite): readonly PlatformService[] {
  const { powerdns, "cert-manager": certManager, "external-dns": externalDns } = section;
  const issuers = certManager?.issuers ?? {};
  return [
    ...(powerdns ? [powerDnsService(given(powerdns))] : []),
    ...(certManager ? [certManagerService({ profile, values: certManager.values })] : []),
    ...(powerdns && solvedByDns(section).length > 0 ? [dnsSolverService({ domain })] : []),
    ...(Object.keys(issuers).length > 0 ? [issuersService({ domain, issuers: asIssuers(issuers) })] : []),
    ...(externalDns
      ? [externalDnsService({ ...externalDns, zones: Object.keys(powerdns?.zones ?? {}), owner: domain })]
      : []),
  ];
}

/** Issuer where none is named; `undefined` where there is none at all. */
export function defaultIssuer({ "cert-manager": certManager }: Section): string | undefined {
  return certManager?.default ?? Object.keys(certManager?.issuers ?? {}).sort()[0];
}

function asIssuers(issuers: NonNullable<Section["cert-manager"]>["issuers"]) {
  return Object.fromEntries(
    Object.entries(issuers).map(([key, { acme }]) => [key, acme === undefined ? {} : { acme: given(acme) }]),
  );
}

function solvedByDns({ "cert-manager": certManager }: Section): readonly string[] {
  return Object.entries(certManager?.issuers ?? {}).flatMap(([key, { acme }]) =>
    acme?.solver === "powerdns" ? [key] : [],
  );
}

/** What is wrong between the area's fields and those of the site. */
export function dnsProblems(section: Section, { domain }: PlatformSite): Problem[] {
  return [...zoneProblems(section, domain), ...issuerProblems(section)];
}

function zoneProblems({ powerdns }: Section, domain: string): Problem[] {
  return Object.keys(powerdns?.zones ?? {}).flatMap((zone) =>
    within(zone, domain)
      ? []
      : [
          {
            path: `platform.powerdns.zones.${zone}`,
            reason: `lies outside the site's domain ${domain}`,
            fix: `use ${domain} or a name below it`,
          },
        ],
  );
}

function issuerProblems(section: Section): Problem[] {
  const { powerdns, "cert-manager": certManager } = section;
  const known = Object.keys(certManager?.issuers ?? {});
  const wanted = certManager?.default;
  return [
    ...(powerdns !== undefined
      ? []
      : solvedByDns(section).map((key) => ({
          path: `platform.cert-manager.issuers.${key}.acme.solver`,
          reason: "has no credentials: it would write into PowerDNS, and this site has none",
          fix: "add platform.powerdns, or write solver: http01",
        }))),
    ...(wanted === undefined || known.includes(wanted)
      ? []
      : [
          {
            path: "platform.cert-manager.default",
            reason: `there is no issuer "${wanted}"`,
            fix: known.length > 0 ? `use one of ${known.join(", ")}` : "add it under platform.cert-manager.issuers",
          },
        ]),
  ];
}
