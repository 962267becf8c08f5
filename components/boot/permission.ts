/** A permission as it travels: signed with Ed25519, for one boot server that runs. */
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Permission } from "./intent";

const TYPE = "plinth-boot-permission+jwt";

/** Kernel arguments and URLs become words of an iPXE script: nothing in them may end a word or expand to another. */
const word = z
  .string()
  .regex(/^[A-Za-z0-9/_.=,+@%:;[\]?&~-]{1,1024}$/, "has a character that a boot script cannot hold");

export const bootMac = z
  .string()
  .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, "is not a MAC address in lower-case colon form");
export const bootUuid = z
  .string()
  .regex(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/, "is not a UUID in lower-case form")
  .refine((uuid) => !/^(0|f)[0-]*$/.test(uuid.replaceAll("f", "0")), "is the same on every machine of its maker");
export const bootGeneration = z
  .int()
  .min(1)
  .max(2 ** 31);
const imageUrl = word.and(z.url({ protocol: /^https?$/, error: "is not an http or https URL" }));
export const bootImage = z.strictObject({
  arch: z.enum(["amd64", "arm64"]),
  kernel: imageUrl,
  initramfs: imageUrl,
  args: z.array(word).max(64).readonly(),
});
export const bootProof = z.strictObject({ address: z.union([z.ipv4(), z.ipv6()]), ca: z.string().min(1).max(16_384) });
export const bootAction = z.enum(["install", "rescue", "wipe"]);
export const diskBoot = z.enum(["404", "exit", "sanboot"]);

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const claims = z.object({
  mac: bootMac,
  uuid: bootUuid,
  action: bootAction,
  generation: bootGeneration,
  image: bootImage,
  diskBoot,
  proof: bootProof.exactOptional(),
  configuration: sha256.exactOptional(),
  enrolment: sha256.exactOptional(),
  reissued: z.boolean().exactOptional(),
  iat: z.int(),
  exp: z.int(),
});

/**
 * Signs a permission for the boot server of that session. A server has a new session whenever it starts, so a copy of
 * an old permission is worth nothing to one that has lost its records.
 */
export async function signPermission(permission: Permission, session: string, key: string): Promise<string> {
  const { issued, expires, ...rest } = permission;
  const secret = privateKey(key);
  return new SignJWT({ ...rest })
    .setProtectedHeader({ alg: "EdDSA", typ: TYPE, kid: await keyId(createPublicKey(secret)) })
    .setAudience(session)
    .setIssuedAt(Math.floor(issued / 1000))
    .setExpirationTime(Math.floor(expires / 1000))
    .sign(secret);
}

/**
 * The token with which a machine enrols: whoever has the signing key finds the same one again, nobody else any. It is
 * good for one generation.
 */
export function enrolmentToken({ mac, generation }: Pick<Permission, "generation" | "mac">, key: string): string {
  const secret = privateKey(key).export({ type: "pkcs8", format: "der" });
  return createHmac("sha256", secret).update(`plinth enrolment\n${mac}\n${generation}`).digest("hex");
}

/** Why a permission is not accepted, without a word of its content. */
export class PermissionRefused extends Error {}

/** The permission if one of the keys signed it for this session. Whether it is in time is for {@link grant} to say. */
export async function verifyPermission(
  token: string,
  session: string,
  keys: ReadonlyMap<string, KeyObject>,
): Promise<Permission> {
  const payload = await jwtVerify(
    token,
    ({ kid }) => {
      const key = keys.get(kid ?? "");
      if (key === undefined) throw new PermissionRefused("it is signed by a key that this boot server does not trust");
      return key;
    },
    // Times are judged by the rules of intents, on the same clock as everything else.
    { algorithms: ["EdDSA"], typ: TYPE, audience: session, currentDate: new Date(0) },
  ).then(
    (verified) => verified.payload,
    (error: unknown) => {
      if (error instanceof PermissionRefused) throw error;
      const code = (error as { readonly code?: string }).code;
      throw new PermissionRefused(
        code === "ERR_JWT_CLAIM_VALIDATION_FAILED"
          ? "it was signed for another boot server, or before this one was started: sign it anew"
          : "its signature or its form is wrong",
      );
    },
  );
  const parsed = claims.safeParse(payload);
  if (!parsed.success) {
    const first = parsed.error.issues[0];
    throw new PermissionRefused(`${first?.path.join(".") ?? "it"}: ${first?.message ?? "is wrong"}`);
  }
  const { iat, exp, ...rest } = parsed.data;
  return { ...rest, issued: iat * 1000, expires: exp * 1000 };
}

/** A new key pair: the private one signs permissions, boot servers trust the public one. Both PEM. */
export function generateSigningKey(): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
}

/** Names a key by its RFC 7638 thumbprint. */
async function keyId(key: KeyObject): Promise<string> {
  return calculateJwkThumbprint(await exportJWK(key));
}

/** Public keys of a PEM file by their ids. @throws Error when there is none, or one of another kind */
export async function trustedKeys(pem: string): Promise<ReadonlyMap<string, KeyObject>> {
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) throw new Error("holds no public key");
  const keys = blocks.map((block) => createPublicKey(block));
  if (keys.some((key) => key.asymmetricKeyType !== "ed25519")) throw new Error("holds a key that is not Ed25519");
  return new Map(await Promise.all(keys.map(async (key) => [await keyId(key), key] as const)));
}

function privateKey(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== "ed25519") throw new Error("the signing key is not Ed25519");
  return key;
}

/** Whether a text is a private Ed25519 key in PEM. */
export function isSigningKey(pem: string): boolean {
  try {
    privateKey(pem);
    return true;
  } catch {
    return false;
  }
}
