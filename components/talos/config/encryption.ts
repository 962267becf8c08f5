import type { Problem } from "../../problem";
import type { Contract } from "../releases";
import { compareMinors } from "../version";
import type { NodeModel, VolumeKey, VolumeKeys } from "./model";

/** Encryption of the system volumes of one node. */
export type Encryption = NonNullable<NodeModel["encryption"]>;

/** What the keys of a node meet: how its configuration is written, what it boots and what stands in its rack. */
export interface KeySurroundings {
  readonly contract: Contract;
  /** Whether the installed image boots with Secure Boot. @default - not known, not checked */
  readonly secureBoot?: boolean;
  /** Whether the machine has a TPM 2.0. @default - not known, not checked */
  readonly tpm?: boolean;
}

/** What would lose a volume, or protect nothing. Paths are `state`, `ephemeral` and what is below them. */
export function encryptionProblems(encryption: Encryption, around: KeySurroundings): readonly Problem[] {
  const volumes = [
    ["state", encryption.state ?? []],
    ["ephemeral", encryption.ephemeral ?? []],
  ] as const;
  return [
    ...volumes.flatMap(([path, keys]) => [
      ...(encryption[path] === undefined ? [] : secondKeyProblems(path, keys)),
      ...keys.flatMap((key, slot) => (key.kind === "tpm" ? tpmProblems(`${path}[${slot}]`, key, around) : [])),
    ]),
    ...stateProblems(encryption.state ?? []),
    ...lockProblems(encryption),
    ...volumes
      .filter(([, keys]) => keys.some(({ kind }) => kind === "tpm"))
      .flatMap(([path]) => hardware(path, around)),
  ];
}

/** What is legal and has a price that a person should know before it is due. */
export function encryptionWarnings(encryption: Encryption): readonly string[] {
  const { state = [], ephemeral = [] } = encryption;
  const keys = [...state, ...ephemeral];
  const sealed = keys.some((key) => key.kind === "tpm" && (key.pcrs ?? [7]).includes(7));
  return [
    ...(sealed
      ? [
          "disk keys are sealed to PCR 7 of the TPM: an update of the firmware or of its Secure Boot databases (dbx) changes it, and then only the second key opens the disk; have it ready, and seal anew by taking the tpm key out and adding it again, with a reboot for each",
        ]
      : []),
    ...(keys.some(({ kind }) => kind === "nodeId")
      ? [
          "a nodeId key is made of the machine's UUID, which anybody can read who has the machine: it protects a disk that leaves its machine, not a machine that is stolen",
        ]
      : []),
    ...(state.some(({ kind }) => kind === "kms")
      ? [
          "STATE is opened before the machine can read its static address from it: the network must give it an address by DHCP to reach the key server",
        ]
      : []),
    ...(ephemeral.length > 0 && ephemeral.every(({ lockToState }) => lockToState === true)
      ? ["every key of EPHEMERAL is locked to STATE: when STATE is wiped or lost, EPHEMERAL is lost with it"]
      : []),
  ];
}

function secondKeyProblems(path: string, keys: VolumeKeys): readonly Problem[] {
  if (keys.length < 2) {
    return [
      {
        path,
        reason: "has fewer than two keys: when the one breaks, the volume is lost",
        fix: "add a second key of another kind, such as nodeId or kms",
      },
    ];
  }
  const [first, ...others] = new Set(keys.map(dependence));
  if (first === undefined || others.length > 0) return [];
  const reason =
    first === "tpm"
      ? "every key depends on the TPM: a firmware update that changes its measurements locks the volume"
      : `every key is the same (${first}): what breaks one breaks the other`;
  return [{ path, reason, fix: "add a key of another kind, such as nodeId or kms" }];
}

/** What has to be there for a key to open its volume. */
function dependence(key: VolumeKey): string {
  return key.kind === "kms" ? `kms ${key.endpoint}` : key.kind;
}

function tpmProblems(
  path: string,
  { pcrs }: Extract<VolumeKey, { kind: "tpm" }>,
  { contract }: KeySurroundings,
): readonly Problem[] {
  if (pcrs === undefined) return [];
  if (compareMinors(contract.slice(1), "1.12") < 0) {
    const fix = "remove pcrs (it seals to PCR 7), or use contract v1.12";
    return [{ path: `${path}.pcrs`, reason: `contract ${contract} cannot choose PCRs`, fix }];
  }
  if (pcrs.length === 0) {
    const fix = "name at least one, or leave pcrs out for PCR 7";
    return [{ path: `${path}.pcrs`, reason: "binds the key to no measurement", fix }];
  }
  return pcrs
    .filter((pcr) => !Number.isInteger(pcr) || pcr < 0 || pcr > 23)
    .map((pcr) => ({ path: `${path}.pcrs`, reason: `there is no PCR ${pcr}`, fix: "use 0 to 23; 7 is usual" }));
}

function stateProblems(keys: VolumeKeys): readonly Problem[] {
  return keys.flatMap((key, slot) => [
    ...(key.lockToState === true
      ? [
          {
            path: `state[${slot}].lockToState`,
            reason: "STATE cannot be locked to itself",
            fix: "remove lockToState there; it is meant for EPHEMERAL",
          },
        ]
      : []),
    ...(key.kind === "static"
      ? [
          {
            path: `state[${slot}]`,
            // Talos keeps what opens STATE in META, which is not encrypted.
            reason: "a passphrase for STATE is kept readable on the same disk, so it protects nothing",
            fix: "use tpm, nodeId or kms for STATE",
          },
        ]
      : []),
  ]);
}

function lockProblems({ state, ephemeral = [] }: Encryption): readonly Problem[] {
  if (state !== undefined) return [];
  return ephemeral.flatMap((key, slot) =>
    key.lockToState === true
      ? [
          {
            path: `ephemeral[${slot}].lockToState`,
            reason: "locks to a STATE that is not encrypted: whoever has the disk has the lock",
            fix: "encrypt state as well, or remove lockToState",
          },
        ]
      : [],
  );
}

/** Talos seals to the TPM without Secure Boot as well, and then anyone's boot medium gets the same measurements. */
function hardware(path: string, { secureBoot, tpm }: KeySurroundings): readonly Problem[] {
  return [
    ...(secureBoot === false
      ? [
          {
            path,
            reason: "a TPM key protects nothing without Secure Boot, and the installer image has none",
            fix: "install an image of the kind installer-secureboot, or use nodeId or kms",
          },
        ]
      : []),
    ...(tpm === false
      ? [
          {
            path,
            reason: "the machine has no TPM: its installation would never end",
            fix: "use nodeId and kms for this machine",
          },
        ]
      : []),
  ];
}
