import { encryptionProblems } from "../../../components/talos/config/encryption";
import type { VolumeKey } from "../../../components/talos/config/model";
import { documentsOfKind, inside, MACHINES, type Machine, machines, machineValues } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

// biome-ignore lint/suspicious/noExplicitAny: a key as its author wrote it
type Written = any;

export const rule: ResourceRule = {
  name: "volume-has-two-keys",
  area: "cluster",
  kind: "resource",
  sentence: "An encrypted volume must open with two keys that do not break together.",
  severity: "critical",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents:
    "A firmware update changes PCR 7, and a volume with a TPM key alone stays shut (siderolabs/talos#10205, #7868).",
  fix: "Add a second key of another kind.",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) => {
      const encryption = {
        ...part("state", keysOf(machine, "STATE", "state")),
        ...part("ephemeral", keysOf(machine, "EPHEMERAL", "ephemeral")),
      };
      return encryptionProblems(encryption, { contract: "v1.13" }).map((problem) => ({
        ...problem,
        path: inside(machine, `encryption.${problem.path}`),
      }));
    }),
};

function part(name: "state" | "ephemeral", keys: readonly VolumeKey[] | undefined) {
  return keys === undefined ? {} : { [name]: keys };
}

/** Keys of a volume in either form; undefined where it is not encrypted. */
function keysOf(machine: Machine, volume: string, field: string): readonly VolumeKey[] | undefined {
  const document = documentsOfKind(machine, "VolumeConfig").find(({ name }) => name === volume);
  const written: Written =
    (document as Written)?.encryption?.keys ??
    (machineValues(machine, `machine.systemDiskEncryption.${field}`)[0] as Written)?.keys;
  return written === undefined ? undefined : (written as Written[]).map(keyOf);
}

function keyOf({ tpm, kms, static: text, lockToState }: Written): VolumeKey {
  const lock = lockToState === true ? { lockToState } : {};
  if (tpm !== undefined) return { kind: "tpm", ...lock };
  if (kms !== undefined) return { kind: "kms", endpoint: String(kms.endpoint), ...lock };
  return text === undefined ? { kind: "nodeId", ...lock } : { kind: "static", passphrase: "", ...lock };
}
