import { z } from "zod";

/**
 * A service the provider talks to by HTTP. A default provider gets each object of the stack file as JSON text, and as
 * one secret when anything in it is secret.
 */
const service = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: "is not an http or https URL" }),
  /** Secret. */
  token: z.string().min(1).optional(),
  /** PEM of the CA its certificate chains to. @default - the system's CAs */
  caCertificate: z.string().optional(),
});

/** A boot server, and what makes its permissions count. */
const bootService = service.extend({
  /** Private Ed25519 key whose public part the server trusts, PEM. Secret. */
  signingKey: z.string().min(1).optional(),
});

/** Access to an account at Latitude.sh. */
const latitude = z.preprocess(
  fromJson,
  z.strictObject({
    /** @default - PLINTH_LATITUDE_URL of the environment, else the public API */
    url: z.url({ protocol: /^https?$/, error: "is not an http or https URL" }).optional(),
    /** Secret. @default - LATITUDESH_BEARER of the environment */
    token: z.string().min(1).optional(),
  }),
);

/** Credentials of the bucket that snapshots go to. */
const s3 = z.preprocess(
  fromJson,
  z.strictObject({
    accessKeyId: z.string().min(1),
    /** Secret. */
    secretAccessKey: z.string().min(1),
    /** Secret. */
    sessionToken: z.string().min(1).optional(),
  }),
);

function fromJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/**
 * Configuration of the provider. Only values known at preview belong here: with an unknown one the engine skips
 * every check and diff of the provider's resources.
 */
export const providerConfig = z.strictObject({
  version: z.string().optional(),
  pluginDownloadURL: z.string().optional(),
  netbox: z.preprocess(fromJson, service).optional(),
  bootServer: z.preprocess(fromJson, bootService).optional(),
  /** @default - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment */
  s3: s3.optional(),
  latitude: latitude.optional(),
  /** The site file: the engine hands every `plinth:` key of a stack file to the provider of that name. Dropped by CheckConfig. */
  site: z.unknown().optional(),
});
export type ProviderConfig = z.infer<typeof providerConfig>;

/** Secret texts of a configuration, for redaction: they need not stand alone in what the engine marked as secret. */
export function configSecrets({ netbox, bootServer, s3, latitude }: ProviderConfig): string[] {
  const { token, signingKey } = bootServer ?? {};
  const secrets = [netbox?.token, token, signingKey, s3?.secretAccessKey, s3?.sessionToken, latitude?.token];
  return secrets.filter((secret) => secret !== undefined);
}
