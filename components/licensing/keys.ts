import { createPublicKey, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { z } from "zod";
import { instant } from "./claims";

/**
 * A public key of the vendor, as a JWK of Ed25519 holds it. Several are trusted at once, so that a new key can sign
 * while licences of the old one are still good.
 */
export const licenceKey = z.strictObject({
  x: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/, "a public key is 43 letters of base64url")
    .refine(canonical, "a public key is 32 bytes in base64url")
    .describe("The key, 32 bytes in base64url, as plinth licence keys prints it."),
  until: instant.exactOptional().describe("What the key signed after this moment is not accepted. Default: no end."),
});

/** A public key of the vendor. */
export type LicenceKey = z.output<typeof licenceKey>;

/** A key that is ready to verify with. */
export interface TrustedKey {
  readonly key: KeyObject;
  /** Milliseconds since 1970. @default - no end */
  readonly until?: number;
}

/** Keys by their RFC 7638 thumbprints. */
export type KeyRing = ReadonlyMap<string, TrustedKey>;

function canonical(x: string): boolean {
  return Buffer.from(x, "base64url").toString("base64url") === x;
}

/** Names a public key. */
export function keyId(x: string): Promise<string> {
  return calculateJwkThumbprint(jwk(x));
}

/** Makes the keys ready, once for many verifications. */
export async function keyRing(keys: readonly LicenceKey[]): Promise<KeyRing> {
  const ready = keys.map(async ({ x, until }): Promise<[string, TrustedKey]> => {
    const key = createPublicKey({ key: jwk(x), format: "jwk" });
    return [await keyId(x), { key, ...(until !== undefined && { until: Date.parse(until) }) }];
  });
  return new Map(await Promise.all(ready));
}

function jwk(x: string) {
  return { kty: "OKP", crv: "Ed25519", x };
}
