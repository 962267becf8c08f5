import { createHash } from "node:crypto";

/** Who claims an address, and from where. Every part takes part in the identity; a name to show does not. */
export interface ClaimIdentity {
  /** Site the claim belongs to. */
  readonly site: string;
  /** VRF of the pool. @default - the global table */
  readonly vrf?: string;
  /** Name of the pool. */
  readonly pool: string;
  /** What holds the address: a machine's key, a service. */
  readonly owner: string;
  /** What the owner needs it for; one owner may claim several addresses of a pool. @default "address" */
  readonly purpose?: string;
}

/** What {@link ClaimIdentity.purpose} is when nothing else is said. */
export const defaultPurpose = "address";

function parts({ site, vrf, pool, owner, purpose }: ClaimIdentity): readonly string[] {
  return [site, vrf ?? "", pool, owner, purpose ?? defaultPurpose];
}

/**
 * SHA-256 in hex over the parts, each with its length in bytes before it: `team`+`ab` and `teama`+`b` differ, and so
 * does every other way to split the same letters.
 */
export function claimId(identity: ClaimIdentity): string {
  const hash = createHash("sha256");
  for (const part of parts(identity)) hash.update(`${Buffer.byteLength(part)}:${part},`);
  return hash.digest("hex");
}

/** The same claim for people: `home/nodes/cp-1/address`, with the VRF in brackets. Not unique: never compare it. */
export function readableClaim(identity: ClaimIdentity): string {
  const [site, vrf, ...rest] = parts(identity);
  return [vrf === "" ? site : `${site}[${vrf}]`, ...rest].join("/");
}
