import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "./canonical";
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

/** Keys by their ids. */
export type KeyRing = ReadonlyMap<string, TrustedKey>;

function canonical(x: string): boolean {
  return Buffer.from(x, "base64url").toString("base64url") === x;
}

/** Names a public key by its RFC 7638 thumbprint. */
export function keyId(x: string): string {
  return createHash("sha256")
    .update(canonicalJson(jwk(x)))
    .digest("base64url");
}

/** Makes the keys ready, once for many verifications. */
export function keyRing(keys: readonly LicenceKey[]): KeyRing {
  return new Map(
    keys.map(({ x, until }) => {
      const key = createPublicKey({ key: jwk(x), format: "jwk" });
      return [keyId(x), { key, ...(until !== undefined && { until: Date.parse(until) }) }];
    }),
  );
}

function jwk(x: string) {
  return { kty: "OKP", crv: "Ed25519", x };
}
