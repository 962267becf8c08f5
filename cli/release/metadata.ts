/** TUF metadata as files: one spelling, so that a file that differs in a bit from what was signed is none. */
import { createHash } from "node:crypto";
import { Key, type Metadata, MetaFile, Signature } from "@tufjs/models";
import { canonicalJson } from "../../components/licensing/canonical";
import type { Signer } from "../../components/licensing/signed";

/** Version of the specification that the metadata follows. */
export const SPEC_VERSION = "1.0.31";

/** The roles, each with keys of its own. */
export const ROLES = ["root", "targets", "snapshot", "timestamp"] as const;
/** A role. */
export type Role = (typeof ROLES)[number];

/** The content of a role's file. */
export type Signed = ConstructorParameters<typeof Metadata>[0];

/** A key as metadata names it: by the hash of its canonical form. */
export function tufKey(x: string): Key {
  const keyVal = { public: Buffer.from(x, "base64url").toString("hex") };
  const form = { keyType: "ed25519", scheme: "ed25519", keyVal };
  const keyID = sha256(canonicalJson({ keytype: form.keyType, scheme: form.scheme, keyval: keyVal }));
  return new Key({ ...form, keyID });
}

/** Signs metadata and gives the bytes of its file. */
export async function signedBytes(metadata: Metadata<Signed>, keys: readonly Signer[]): Promise<Buffer> {
  for (const signer of keys) {
    const { keyID } = tufKey(signer.x);
    const asked: Buffer[] = [];
    // The library wants its signature at once; a key may be far away.
    metadata.sign((data) => {
      asked.push(data);
      return new Signature({ keyID, sig: "" });
    });
    const sig = await signer.sign(Buffer.concat(asked));
    metadata.signatures[keyID] = new Signature({ keyID, sig: sig.toString("hex") });
  }
  return Buffer.from(canonicalJson(metadata.toJSON()));
}

/** What one metadata file says of another. */
export function metaFile(version: number, bytes: Buffer): MetaFile {
  return new MetaFile({ version, length: bytes.length, hashes: { sha256: sha256(bytes) } });
}

const MOMENT = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}Z$/;

/** Why bytes are not metadata in the one spelling; `undefined` when they are. Says nothing about signatures. */
export function misspelt(bytes: Buffer): string | undefined {
  const text = bytes.toString("utf8");
  let value: { readonly signatures?: unknown; readonly signed?: { readonly expires?: unknown } } | null;
  try {
    value = JSON.parse(text);
    // Also what is no UTF-8 comes back as other bytes.
    if (!Buffer.from(canonicalJson(value)).equals(bytes)) return "it is not in canonical form";
  } catch {
    return "it is not JSON";
  }
  // A moment that cannot be read would never come.
  if (!MOMENT.test(String(value?.signed?.expires))) return "its expires is no moment as in 2027-01-31T12:00:00Z";
  const signatures = Array.isArray(value?.signatures) ? value.signatures : [];
  const good = signatures.every((each) => /^[0-9a-f]{64}$/.test(each?.keyid) && /^[0-9a-f]{128}$/.test(each?.sig));
  return good && signatures.length > 0 ? undefined : "its signatures are not written in hex";
}

/** SHA-256 in hex. */
export function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}
