import { type ConfigDocument, isDocument, valueAt } from "../config/yaml";

/**
 * Encrypted system volumes that no key of the new configuration opens. Talos opens a volume with the keys it is told
 * and only then brings the other slots up to date: when all of them change at once, the volume stays shut at the next
 * boot. Paths are those of the lists of keys, as `VolumeConfig/STATE.encryption.keys`.
 */
export function shutVolumes(
  before: readonly ConfigDocument[],
  after: readonly ConfigDocument[],
): readonly { readonly path: string; readonly reason: string }[] {
  const fresh = new Map(keyLists(after));
  return keyLists(before).flatMap(([path, keys]) => {
    const next = fresh.get(path);
    if (next === undefined || keys.some((key) => next.includes(key))) return [];
    const reason = "no key stays as it was, so nothing opens the volume at the next boot; change one slot at a time";
    return [{ path, reason }];
  });
}

const LEGACY = ["state", "ephemeral"].map((volume) => `machine.systemDiskEncryption.${volume}.keys`);

/** Every list of keys by its path; a key as one text of what opens it in which slot. */
function keyLists(documents: readonly ConfigDocument[]): readonly (readonly [string, readonly string[]])[] {
  return documents.flatMap((document) => {
    const paths =
      document.kind === "VolumeConfig"
        ? [["encryption.keys", `VolumeConfig/${String(document.name)}.encryption.keys`] as const]
        : document.kind === undefined
          ? LEGACY.map((path) => [path, path] as const)
          : [];
    return paths.flatMap(([at, path]) => {
      const keys = valueAt(document, at);
      return Array.isArray(keys) && keys.length > 0 ? [[path, keys.filter(isDocument).map(textOf)] as const] : [];
    });
  });
}

/** A TPM key keeps what it was sealed to, whatever its options say now. */
function textOf({ slot, tpm, lockToState, ...opener }: ConfigDocument): string {
  return JSON.stringify([slot, tpm === undefined ? opener : "tpm", lockToState === true]);
}
