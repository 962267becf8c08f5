/** Gets a snapshot back out of its store: the very file that was written, opened, sound, and the one it is said to be. */
import { closeSync } from "node:fs";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { type Manifest, snapshotFile } from "../../components/backup/snapshot";
import { ProblemError } from "../../components/problem";
import { openNameless } from "../talosctl/secretfile";
import { bytesOf, fill, soundLength } from "./bytes";
import { snapshotStatus } from "./etcdutl";
import type { Store } from "./store";

/** What opens a snapshot. */
export interface Keys {
  /** age identities, AGE-SECRET-KEY-1…. Secret. */
  readonly identities: readonly string[];
  /** Secret. */
  readonly passphrase?: string;
}

/** Open file without a name that holds the plain snapshot; the caller closes it. */
export async function fetchSnapshot(
  store: Store,
  manifest: Manifest,
  keys: Keys,
  signal: AbortSignal,
): Promise<number> {
  const cipher = openNameless(manifest.bytes);
  const plain = openNameless(manifest.bytes);
  try {
    const file = await fill(cipher, await store.get(snapshotFile(manifest.name), signal));
    if (file.sha256 !== manifest.sha256) {
      throw refused(
        manifest,
        "is not the file that was written: it is damaged",
        "take another snapshot of plinth etcd list",
      );
    }
    await fill(plain, await opened(bytesOf(cipher, file.bytes), manifest, keys));
    await soundLength(plain);
    const { hash, revision } = await snapshotStatus(plain, signal);
    if (hash !== manifest.hash || revision !== manifest.revision) {
      const found = `hash ${hash} and revision ${revision} instead of ${manifest.hash} and ${manifest.revision}`;
      throw refused(manifest, `is another snapshot than its manifest says: ${found}`, "take another snapshot");
    }
    return plain;
  } catch (error) {
    closeSync(plain);
    throw error;
  } finally {
    closeSync(cipher);
  }
}

async function opened(
  cipher: AsyncIterable<Uint8Array>,
  manifest: Manifest,
  { identities, passphrase }: Keys,
): Promise<AsyncIterable<Uint8Array>> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  try {
    for (const identity of identities) decrypter.addIdentity(identity);
  } catch {
    // Its own words may repeat the key.
    throw refused(manifest, "cannot be opened: the identity is not an age private key", "give AGE-SECRET-KEY-1…");
  }
  if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
  const source = Readable.toWeb(Readable.from(cipher)) as ReadableStream<Uint8Array>;
  try {
    return (await decrypter.decrypt(
      source as unknown as globalThis.ReadableStream<Uint8Array>,
    )) as unknown as AsyncIterable<Uint8Array>;
  } catch {
    const { recipients } = manifest;
    const fix =
      recipients.length === 0
        ? "set PLINTH_BACKUP_PASSPHRASE to the passphrase it was taken with"
        : `give --identity with the private key of ${recipients.join(" or ")}`;
    throw refused(manifest, "cannot be opened with the keys given", fix);
  }
}

function refused({ name }: Manifest, reason: string, fix: string): ProblemError {
  return new ProblemError("Nothing was changed.", [{ path: name, reason, fix }]);
}
