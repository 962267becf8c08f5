import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Licence, Revocations } from "../../components/licensing/claims";
import { keyRing } from "../../components/licensing/keys";
import { localSigner, type Signer, sign } from "../../components/licensing/signed";
import { LICENCE, REVOCATIONS } from "../../components/licensing/verdict";

/** A key of a vendor. */
export interface Pair extends Signer {
  readonly key: KeyObject;
}

export function pair(): Pair {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { key: privateKey, ...localSigner(privateKey, publicKey.export({ format: "jwk" }).x ?? "") };
}

export const vendor = pair();
export const ring = keyRing([{ x: vendor.x }]);

/** A licence as it could be sold. */
export function claims(over: Partial<Licence> = {}): Licence {
  return {
    v: 1,
    id: "acme-1",
    sequence: 3,
    customer: "ACME",
    tier: "enterprise",
    features: [],
    limits: { nodes: 5 },
    issued: "2026-01-01T00:00:00Z",
    notBefore: "2026-01-01T00:00:00Z",
    notAfter: "2027-01-01T00:00:00Z",
    graceDays: 14,
    ...over,
  };
}

export function licence(over: Partial<Licence> = {}, by: Pair = vendor): Promise<string> {
  return sign(claims(over), LICENCE, by);
}

export function revocations(revoked: Revocations["revoked"], sequence = 1, by: Pair = vendor): Promise<string> {
  return sign({ v: 1, sequence, issued: "2026-02-01T00:00:00Z", revoked }, REVOCATIONS, by);
}
