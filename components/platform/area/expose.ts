import { z } from "zod";
import { within } from "../../dns/service/zones";
import type { PlatformService } from "../../kubernetes/service";
import { exposeService } from "../../network/service/expose";
import type { Problem } from "../../problem";
import { domainName, name } from "../../site/fields";
import type { PlatformSite } from "../site";
import { stackSecret } from "./fields";

/** HTTPS for any service of the cluster, in one line of the site file. */

const BACKEND = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?)\/([a-z0-9]([a-z0-9-]*[a-z0-9])?):(\d{1,5})$/;

const exposed = z.strictObject({
  host: domainName.describe("Name that it is reached at, of the site's domain. In place."),
  to: z
    .string()
    .regex(BACKEND, "write it as namespace/service:port")
    .describe("Service that answers, as git/gitea-http:3000. In place."),
  tls: z
    .union([z.boolean(), name])
    .default(true)
    .describe("Its certificate: true by the default issuer, or an issuer's name; false is plain HTTP. In place."),
  auth: z
    .strictObject({ basic: stackSecret.describe("Secret of the stack with htpasswd lines.") })
    .optional()
    .describe("Who may enter. Default: everybody. In place."),
});

/** The area's part of the section. */
export const exposeShape = {
  expose: z.record(name, exposed).default({}).describe("Services of the cluster that are reached by HTTPS, by name."),
};

type Section = z.output<z.ZodObject<typeof exposeShape>>;

/** One service for each exposed one. */
export function exposeServices({ expose }: Section, issuer: string | undefined): readonly PlatformService[] {
  return Object.entries(expose).map(([key, { host, to, tls, auth }]) =>
    exposeService(key, {
      host,
      to: backend(to),
      // Without any issuer the need for certificates is unmet, and said so.
      tls: tls === true ? (issuer ?? "none") : tls,
      ...(auth && { auth }),
    }),
  );
}

function backend(text: string) {
  const [, namespace = "", , service = "", , port = ""] = BACKEND.exec(text) ?? [];
  return { namespace, name: service, port: Number(port) };
}

/** What is wrong between exposed services and the site. */
export function exposeProblems({ expose }: Section, { domain }: PlatformSite, issuers: readonly string[]): Problem[] {
  const entries = Object.entries(expose);
  return entries.flatMap(([key, { host, tls }], index): Problem[] => {
    const twin = entries.slice(0, index).find(([, other]) => other.host === host)?.[0];
    return [
      ...(within(host, domain)
        ? []
        : [
            {
              path: `platform.expose.${key}.host`,
              reason: `${host} lies outside the site's domain ${domain}`,
              fix: `use ${domain} or a name below it`,
            },
          ]),
      ...(twin === undefined
        ? []
        : [
            {
              path: `platform.expose.${key}.host`,
              reason: `${host} is already led to by platform.expose.${twin}`,
              fix: "give one of them another host",
            },
          ]),
      ...(typeof tls === "boolean" || issuers.includes(tls)
        ? []
        : [
            {
              path: `platform.expose.${key}.tls`,
              reason: `there is no issuer "${tls}"`,
              fix:
                issuers.length > 0 ? `use one of ${issuers.join(", ")}` : "add it under platform.cert-manager.issuers",
            },
          ]),
    ];
  });
}
