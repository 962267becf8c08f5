import type { Problem } from "../../problem";
import { type Encryption, encryptionProblems } from "../../talos/config/encryption";
import { CONTRACTS } from "../../talos/releases";
import { encryption } from "../area/cluster";
import { nodeEncryption } from "../encryption";
import type { EncryptionSpec } from "../spec";
import type { Draft } from "./draft";

/** Fields of a key, and the kind of key each belongs to. */
const FIELDS = { pcrs: "tpm", endpoint: "kms", secret: "passphrase" } as const;
const NEEDED = [
  ["kms", "endpoint", "name the key server, as https://kms.example.org:4050"],
  ["passphrase", "secret", "name a secret of the stack's configuration (pulumi config set --secret secrets:NAME)"],
] as const;

/** Every volume has two ways to be opened that do not break together, and the machines can do what they are told. */
export function checkEncryption({ machines, talos }: Draft): Problem[] {
  const contract = CONTRACTS.find((known) => known === talos.configContract);
  const everywhere = encryption.safeParse(talos.encryption).data;
  const around = {
    contract: contract ?? CONTRACTS[0],
    secureBoot: talos.secureBoot === true,
  };
  const problems = everywhere === undefined ? [] : at("talos.encryption", everywhere, around);
  for (const { key, raw } of machines) {
    const own = encryption.safeParse(raw.encryption).data;
    const tpm = raw.tpm === false ? { tpm: false } : {};
    if (raw.encryption !== undefined && own !== undefined) {
      problems.push(...at(`machines.${key}.encryption`, own, { ...around, ...tpm }));
    } else if (everywhere !== undefined && raw.tpm === false) {
      // What is wrong with it everywhere is told once, above.
      const known = new Set(at("", everywhere, around).map(({ reason }) => reason));
      const here = at("", everywhere, { ...around, ...tpm }).filter(({ reason }) => !known.has(reason));
      const fix = "give this machine an encryption of its own, by nodeId and kms";
      problems.push(...here.slice(0, 1).map(({ reason }) => ({ path: `machines.${key}.tpm`, reason, fix })));
    }
  }
  return problems;
}

function at(path: string, spec: EncryptionSpec, around: Parameters<typeof encryptionProblems>[1]): Problem[] {
  const fields = (["state", "ephemeral"] as const).flatMap((volume) =>
    (spec[volume] ?? []).flatMap((key, slot) => fieldProblems(`${path}.${volume}[${slot}]`, key)),
  );
  if (fields.length > 0) return fields;
  const model: Encryption = nodeEncryption(spec, () => "");
  return encryptionProblems(model, around).map((problem) => ({
    ...problem,
    path: `${path}.${problem.path}`,
    fix: problem.fix.replace("install an image of the kind installer-secureboot", "write talos.secureBoot: true"),
  }));
}

function fieldProblems(path: string, key: NonNullable<EncryptionSpec["state"]>[number]): Problem[] {
  return [
    ...Object.entries(FIELDS).flatMap(([field, kind]) =>
      key[field as keyof typeof FIELDS] !== undefined && key.by !== kind
        ? [
            {
              path: `${path}.${field}`,
              reason: `has no meaning with by: ${key.by}`,
              fix: `remove it; it is for by: ${kind}`,
            },
          ]
        : [],
    ),
    ...NEEDED.flatMap(([kind, field, fix]) =>
      key.by === kind && key[field] === undefined ? [{ path: `${path}.${field}`, reason: "is missing", fix }] : [],
    ),
  ];
}
