import { z } from "zod";
import type { PlatformService } from "../../kubernetes/service";
import type { Problem } from "../../problem";
import { externalSecretsService } from "../../secrets/service/externalsecrets";
import { reloaderService } from "../../secrets/service/reloader";
import { sealedSecretsService } from "../../secrets/service/sealedsecrets";
import { vaultMembers, vaultService } from "../../secrets/service/vault";
import { name } from "../../site/fields";
import type { PlatformSite } from "../site";
import { given, values } from "./fields";

/** Secrets: where they come from, where they live, how they reach pods. */

const vault = z.strictObject({
  members: z
    .union([z.literal(1), z.literal(3), z.literal(5)])
    .optional()
    .describe("Members, each on a machine of its own. Default: 1 in minimal, else 3. More in place, fewer never."),
  sizeGiB: z.int().min(1).default(2).describe("Size of each of its volumes, in GiB. Counts when Vault is first made."),
  storageClass: name
    .optional()
    .describe("Storage class of its volumes. Default: the default class. Counts when Vault is first made."),
  values,
});

const generated = z.strictObject({
  namespaces: z
    .array(name)
    .min(1)
    .describe("Namespaces that find it as a Secret of its name, as soon as they are there. In place."),
  length: z.int().min(16).max(128).default(32).describe("Letters and digits. Counts for the next generation."),
  generation: z
    .int()
    .min(1)
    .default(1)
    .describe("Raised by one, there is a new password under password; the one before stays under previous. In place."),
  previous: z
    .boolean()
    .default(true)
    .describe("Whether the password before is still handed out; false ends a rotation. In place."),
});

const externalSecrets = z.strictObject({
  namespaces: z
    .array(name)
    .optional()
    .describe("Namespaces that may read from Vault, beside those of generated. Default: every namespace. In place."),
  generated: z
    .record(name, generated)
    .default({})
    .describe("Passwords that are made once, in the cluster, and live in Vault."),
  values,
});

/** The area's part of the section. */
export const secretsShape = {
  "sealed-secrets": z
    .strictObject({ values })
    .optional()
    .describe("Secrets that may lie in a Git repository, with a key that outlives the cluster. Default: none."),
  vault: vault.optional().describe("Vault on replicated storage of its own. Default: none."),
  "external-secrets": externalSecrets.optional().describe("Secrets that are read from Vault. Default: none."),
  reloader: z
    .strictObject({ values })
    .optional()
    .describe("Restarts workloads that ask for it when their Secrets change. Default: none."),
};

type Section = z.output<z.ZodObject<typeof secretsShape>>;

/** The services the section asks for. */
export function secretsServices(section: Section, { profile, backup }: PlatformSite): readonly PlatformService[] {
  const { "sealed-secrets": sealed, vault, "external-secrets": external, reloader } = section;
  return [
    ...(sealed ? [sealedSecretsService(sealed)] : []),
    ...(vault ? [vaultService({ profile, backup, ...given(vault) })] : []),
    ...(external ? [externalSecretsService({ profile, vault: vault !== undefined, ...given(external) })] : []),
    ...(reloader ? [reloaderService({ profile, ...reloader })] : []),
  ];
}

/** What is wrong between the area's fields and those of the site. */
export function secretsProblems(section: Section, { profile, workloads }: PlatformSite): Problem[] {
  const { vault, "external-secrets": external } = section;
  if (vault === undefined) {
    return Object.keys(external?.generated ?? {}).map((key) => ({
      path: `platform.external-secrets.generated.${key}`,
      reason: "has nowhere to live: this site has no Vault",
      fix: "add platform.vault, or remove it",
    }));
  }
  const members = vaultMembers({ profile, ...given(vault) });
  if (members <= workloads.length) return [];
  const machines = `${workloads.length} ${workloads.length === 1 ? "machine" : "machines"}`;
  return [
    {
      path: vault.members === undefined ? "platform.vault" : "platform.vault.members",
      reason: `has ${members} members, each on a machine of its own, and ordinary pods run on ${machines}`,
      fix: "write members: 1, add workers, or let ordinary pods onto the control planes with kubernetes.scheduleOnControlPlanes",
    },
  ];
}
