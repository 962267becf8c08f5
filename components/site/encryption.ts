import type { Encryption } from "../talos/config/encryption";
import type { VolumeKey, VolumeKeys } from "../talos/config/model";
import type { EncryptionSpec, VolumeKeySpec } from "./spec";

/** The passphrase of a secret that the site file names. */
export type Passphrase = (secret: string) => string;

/** What a site file says about encryption, in the terms of a machine configuration. */
export function nodeEncryption(spec: EncryptionSpec, passphrase: Passphrase): Encryption {
  const keys = (specs: readonly VolumeKeySpec[]): VolumeKeys => specs.map((key) => volumeKey(key, passphrase));
  return {
    ...(spec.state !== undefined && { state: keys(spec.state) }),
    ...(spec.ephemeral !== undefined && { ephemeral: keys(spec.ephemeral) }),
  };
}

function volumeKey({ by, pcrs, endpoint, secret, lockToState }: VolumeKeySpec, passphrase: Passphrase): VolumeKey {
  const lock = lockToState === undefined ? {} : { lockToState };
  switch (by) {
    case "tpm":
      return { kind: "tpm", ...(pcrs !== undefined && { pcrs }), ...lock };
    case "nodeId":
      return { kind: "nodeId", ...lock };
    case "kms":
      return { kind: "kms", endpoint: endpoint ?? "", ...lock };
    case "passphrase":
      return { kind: "static", passphrase: passphrase(secret ?? ""), ...lock };
  }
}

/** Names of the secrets that open a node's volumes, each once. */
export function secretNames({ state = [], ephemeral = [] }: EncryptionSpec): readonly string[] {
  return [...new Set([...state, ...ephemeral].flatMap(({ secret }) => secret ?? []))].sort();
}
