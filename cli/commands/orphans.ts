import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type Problem, ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { orphanedVolumes, type StoredVolume } from "../../components/storage/orphans";
import { type Audit, auditFile, fileAudit } from "../../provider/audit";
import { sentence } from "../../provider/host/failure";
import { redactor } from "../../provider/host/redact";
import { objects } from "../../provider/kubernetes/objects";
import type { Objects } from "../../provider/kubernetes/ports";
import type { Rest } from "../../provider/kubernetes/rest";
import { proxmoxRest, removeVolume, storedVolumes } from "../../provider/proxmox/volumes";

/** `plinth orphans`: volumes on Proxmox that no claim of the cluster has any more. */
export function registerOrphans(program: Command): void {
  program
    .command("orphans")
    .description("show volumes on Proxmox that no PersistentVolume of the cluster names; remove those that you name")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .requiredOption("--kubeconfig <file>", "kubeconfig of the cluster: pulumi stack output --show-secrets kubeconfig")
    .option("--remove <volume...>", "remove these for good, by the names that were shown", [])
    .action(async (file: string, options: { kubeconfig: string; remove: readonly string[] }) => {
      const { name, access } = proxmoxOf(file);
      const redact = redactor([access.token]);
      try {
        await report(
          {
            rest: proxmoxRest(access),
            objects: objects(readFileSync(options.kubeconfig, "utf8")),
            storages: access.storages,
            now: Date.now() / 1000,
            say: (line) => console.log(line),
            audit: fileAudit(auditFile(), `plinth orphans (${name})`, redact),
          },
          options.remove,
        );
      } catch (error) {
        if (error instanceof ProblemError || error instanceof TypeError) throw error;
        throw new ProblemError("Could not compare volumes:", [
          { path: "", reason: redact(sentence(error)), fix: "run the same command again" },
        ]);
      }
    });
}

/** What {@link report} works with. */
export interface OrphanWork {
  readonly rest: Rest;
  readonly objects: Pick<Objects, "list">;
  readonly storages: readonly string[];
  /** In seconds since 1970. */
  readonly now: number;
  readonly say: (line: string) => void;
  readonly audit: Audit;
}

const ALL = 100_000;

/** Shows the orphans, or removes the ones that are named; a name that is no orphan removes nothing at all. */
export async function report(work: OrphanWork, remove: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(300_000);
  const { volumes, offline } = await storedVolumes(work.rest, work.storages, signal);
  const claimed = await work.objects.list({ apiVersion: "v1", kind: "PersistentVolume" }, ALL, signal);
  const handles = claimed.flatMap(({ spec }) => handleOf(spec));
  const orphans = orphanedVolumes(volumes, handles, work.now);
  const wrong = remove.filter((name) => !orphans.some(({ volume }) => volume === name));
  if (wrong.length > 0) throw new ProblemError("Nothing was removed.", wrong.map(noOrphan));
  if (remove.length === 0) {
    for (const line of described(orphans, offline)) work.say(line);
    return;
  }
  for (const orphan of orphans.filter(({ volume }) => remove.includes(volume))) {
    await work.audit({
      act: "destroy",
      target: orphan.volume,
      detail: `no PersistentVolume names it; on ${orphan.node}`,
    });
    await removeVolume(work.rest, orphan, signal);
    work.say(`${orphan.volume} is removed.`);
  }
}

function noOrphan(path: string): Problem {
  return { path, reason: "is no orphan", fix: "take names as the command shows them without --remove" };
}

function handleOf(spec: unknown): readonly string[] {
  const { csi } = (spec ?? {}) as { readonly csi?: { readonly driver?: unknown; readonly volumeHandle?: unknown } };
  return csi?.driver === "csi.proxmox.sinextra.dev" && typeof csi.volumeHandle === "string" ? [csi.volumeHandle] : [];
}

function described(orphans: readonly StoredVolume[], offline: readonly string[]): readonly string[] {
  return [
    ...orphans.map(({ volume, node, bytes, created }) =>
      [volume, `on ${node}`, `${(bytes / 2 ** 30).toFixed(1)} GiB`, since(created)].join("  "),
    ),
    orphans.length === 0
      ? "Every volume has its PersistentVolume."
      : `${orphans.length} without a PersistentVolume here; another cluster on the same storage may own them.`,
    ...offline.map((node) => `${node} is offline and was not asked.`),
  ];
}

function since(created: number): string {
  return created === 0 ? "of unknown age" : `since ${new Date(created * 1000).toISOString().slice(0, 10)}`;
}

function proxmoxOf(file: string) {
  const { name, platform } = parseSite(readSiteFile(file), file);
  const section = platform?.["proxmox-csi"];
  const token = process.env.PLINTH_PROXMOX_TOKEN;
  const problems: Problem[] = [];
  if (section === undefined) {
    problems.push({ path: "platform.proxmox-csi", reason: "is missing", fix: "only its volumes can be compared" });
  }
  if (token === undefined || token === "") {
    problems.push({ path: "PLINTH_PROXMOX_TOKEN", reason: "is not set", fix: "export the secret of the API token" });
  }
  if (section === undefined || token === undefined || token === "") {
    throw new ProblemError("Nothing was changed.", problems);
  }
  const { url, tokenId, insecure, classes } = section;
  const storages = [...new Set(Object.values(classes).map(({ storage }) => storage))];
  return { name, access: { url, tokenId, insecure, token, storages } };
}
