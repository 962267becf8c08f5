/** A vendor's signing keys on disk: the public halves in one readable file, each private half sealed with age. */
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { keyId, type LicenceKey, licenceKey } from "../../components/licensing/keys";
import { localSigner, type Signer } from "../../components/licensing/signed";
import { ProblemError } from "../../components/problem";
import { type VaultKey, vaultKey, vaultSigner } from "./vault";

/** What opens, or seals, the private halves. */
export interface Seal {
  readonly passphrase?: string;
  /** Base 2 logarithm of what one guess at the passphrase costs. @default - age's own, about a second */
  readonly workFactor?: number;
  /** age public keys, to seal to. */
  readonly recipients?: readonly string[];
  /** age private keys, to open with. */
  readonly identities?: readonly string[];
}

const keysFile = z.strictObject({ keys: z.array(licenceKey) });

const vaultFile = z.strictObject({ name: z.string(), version: z.int() }) satisfies z.ZodType<VaultKey>;

/** A key that can sign. */
export interface SigningKey extends Signer {
  readonly id: string;
}

/** Public keys of the folder, oldest first. */
export function publicKeys(folder: string): readonly LicenceKey[] {
  const file = join(folder, "keys.json");
  return existsSync(file) ? readKeys(file) : [];
}

/** Public keys of a keys.json. */
export function readKeys(file: string): readonly LicenceKey[] {
  const parsed = keysFile.safeParse(json(readFileSync(file, "utf8")));
  if (parsed.success) return parsed.data.keys;
  throw new ProblemError("The vendor's keys cannot be read:", [
    { path: file, reason: "is not as plinth writes it", fix: "bring back a copy of it" },
  ]);
}

/** Makes a key and seals it; older keys stay good until they are retired. Returns its id. */
export async function makeKey(folder: string, seal: Seal): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const x = publicKey.export({ format: "jwk" }).x ?? "";
  const id = keyId(x);
  const secret = await sealed(privateKey.export({ format: "pem", type: "pkcs8" }).toString(), seal);
  const keys = publicKeys(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The sealed half first: a public key that nobody can sign with would be the one to sign with.
  writeFileSync(join(folder, `${id}.age`), secret, { mode: 0o600, flag: "wx" });
  writeKeys(folder, [...keys, { x }]);
  return id;
}

/** Takes a key of Vault's transit engine, which signs and never hands it out. Returns its id. */
export async function adoptVaultKey(folder: string, name: string): Promise<string> {
  const { x, ...place } = await vaultKey(name);
  const id = keyId(x);
  const keys = publicKeys(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, `${id}.vault.json`), `${JSON.stringify(place)}\n`, { mode: 0o600 });
  if (!keys.some((key) => key.x === x)) writeKeys(folder, [...keys, { x }]);
  return id;
}

/**
 * From this moment on nothing that the key signs is accepted; what it signed before stays good. A key that is retired
 * already stays so from the earlier moment.
 */
export function retireKey(folder: string, id: string, until: string): void {
  const keys = publicKeys(folder);
  const ids = keys.map(({ x }) => keyId(x));
  if (!ids.includes(id)) {
    const fix = ids.length === 0 ? "make one with plinth licence keys new" : `name one of ${ids.join(", ")}`;
    throw new ProblemError("No key was retired:", [{ path: "id", reason: `there is no key ${id}`, fix }]);
  }
  writeKeys(
    folder,
    keys.map((key, place) => (ids[place] === id ? { until, ...key } : key)),
  );
}

/** The newest key that is not retired, opened. */
export async function signingKey(folder: string, seal: Seal): Promise<SigningKey> {
  const current = currentKeys(folder).slice(-1);
  const [key] = await Promise.all(current.map(({ x }) => openKey(folder, x, seal)));
  if (key === undefined) throw new Error("unreachable: there is a key that may sign");
  return key;
}

/** Every key that is not retired, opened, oldest first. */
export function signingKeys(folder: string, seal: Seal): Promise<readonly SigningKey[]> {
  return Promise.all(currentKeys(folder).map(({ x }) => openKey(folder, x, seal)));
}

/** Public keys that are not retired, oldest first. @throws ProblemError when there is none */
export function currentKeys(folder: string): readonly LicenceKey[] {
  const current = publicKeys(folder).filter(({ until }) => until === undefined);
  if (current.length > 0) return current;
  const fix = "make one: plinth licence keys new, or plinth release keys";
  throw new ProblemError("Nothing was signed:", [{ path: folder, reason: "holds no key that may sign", fix }]);
}

/** A key of the folder, opened; also one that is retired. */
export async function openKey(folder: string, x: string, seal: Seal): Promise<SigningKey> {
  const id = keyId(x);
  const elsewhere = join(folder, `${id}.vault.json`);
  if (existsSync(elsewhere)) return { id, ...vaultSigner(vaultFile.parse(json(readFileSync(elsewhere, "utf8"))), x) };
  return { id, ...localSigner(createPrivateKey(await opened(join(folder, `${id}.age`), seal)), x) };
}

function writeKeys(folder: string, keys: readonly LicenceKey[]): void {
  const draft = join(folder, "keys.json.new");
  writeFileSync(draft, `${JSON.stringify({ keys }, undefined, 2)}\n`);
  renameSync(draft, join(folder, "keys.json"));
}

async function sealed(text: string, { passphrase, workFactor, recipients = [] }: Seal): Promise<Uint8Array> {
  // An ES module only: this side is CommonJS.
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  if ((passphrase === undefined) === (recipients.length === 0)) {
    const reason = passphrase === undefined ? "nothing is given to seal the key with" : "is given beside recipients";
    const fix = "set PLINTH_LICENCE_PASSPHRASE, or name --recipient age1…, one of the two";
    throw new ProblemError("No key was made:", [{ path: "PLINTH_LICENCE_PASSPHRASE", reason, fix }]);
  }
  if (passphrase !== undefined) {
    if (passphrase.length < 12) {
      const fix = "use a long one: whoever has the file can try for years";
      const reason = "has fewer than 12 characters";
      throw new ProblemError("No key was made:", [{ path: "PLINTH_LICENCE_PASSPHRASE", reason, fix }]);
    }
    encrypter.setPassphrase(passphrase);
    if (workFactor !== undefined) encrypter.setScryptWorkFactor(workFactor);
  }
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      const fix = "copy it again from age-keygen -y";
      throw new ProblemError("No key was made:", [{ path: "--recipient", reason: "is no age public key", fix }]);
    }
  }
  return encrypter.encrypt(text);
}

async function opened(file: string, { passphrase, identities = [] }: Seal): Promise<string> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  try {
    if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
    for (const identity of identities) decrypter.addIdentity(identity);
    return await decrypter.decrypt(readFileSync(file), "text");
  } catch {
    // The cause may quote what it was given.
    const reason = existsSync(file) ? "cannot be opened with what is given" : "is missing";
    const fix = existsSync(file)
      ? "set PLINTH_LICENCE_PASSPHRASE, or name the file of the private key with --identity"
      : "bring back a copy of it, or make a new key with plinth licence keys new";
    throw new ProblemError("Nothing was signed:", [{ path: file, reason, fix }]);
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
