import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type Manifest, newestFirst } from "../../components/backup/snapshot";
import { ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { auditFile, fileAudit } from "../../provider/audit";
import { sentence } from "../../provider/host/failure";
import { redactor } from "../../provider/host/redact";
import { httpEndpoint } from "../../provider/kubernetes/endpoint";
import { leaseDirectory, withFileLease } from "../../provider/lease";
import { readManifests } from "../../provider/snapshot/manifests";
import { openStore } from "../../provider/snapshot/open";
import { planRestore } from "../../provider/snapshot/restore";
import type { Store } from "../../provider/snapshot/store";
import { type SnapshotContext, takeSnapshot } from "../../provider/snapshot/take";
import { leaseName } from "../../provider/talos/leasename";
import { talosctl } from "../../provider/talosctl/client";
import { parseTalosconfig } from "../../provider/talosctl/talosconfig";
import { confirm } from "../confirm";

interface Access {
  readonly talosconfig: string;
}

interface RestoreOptions extends Access {
  readonly identity: readonly string[];
  readonly yes?: true;
  readonly evenIfRunning?: true;
}

/** `plinth etcd …`: snapshots of a cluster's etcd, taken, listed, and put back. */
export function registerEtcd(program: Command): void {
  const etcd = program.command("etcd").description("snapshots of etcd: take one, list them, put one back");

  withAccess(etcd.command("snapshot"))
    .description("take a snapshot now, verified, encrypted, outside of the cluster")
    .action((file: string, { talosconfig }: Access) => snapshot(file, talosconfig));

  withFile(etcd.command("list"))
    .description("list the snapshots of a site, newest first")
    .action((file: string) => list(file));

  withAccess(etcd.command("restore"))
    .description("wipe etcd on every control plane and start it from a snapshot; asks once")
    .argument("<snapshot>", "its name as plinth etcd list shows it, or latest")
    .option("--identity <file...>", "files with age private keys", [])
    .option("--even-if-running", "throw away an etcd that runs")
    .option("--yes", "do not ask")
    .action((file: string, name: string, options: RestoreOptions) => restore(file, name, options));
}

function withFile(command: Command): Command {
  return command.argument("<file>", "stack file, as stacks/Pulumi.home.yaml");
}

function withAccess(command: Command): Command {
  return withFile(command).requiredOption(
    "--talosconfig <file>",
    "talosconfig of the cluster: pulumi stack output --show-secrets talosconfig",
  );
}

async function snapshot(file: string, talosconfig: string): Promise<void> {
  const { name, backup } = site(file);
  const { credentials, endpoints } = access(talosconfig);
  const redact = redactor(Object.values(credentials));
  await working(name, "take a snapshot of etcd", redact, async (context) => {
    const taken = await takeSnapshot({ node: endpoints[0] ?? "", backup }, talosctl(credentials, redact), context);
    console.log(taken.name);
  });
}

async function list(file: string): Promise<void> {
  const { name, store } = site(file);
  const found = newestFirst(await manifestsOf(name, store));
  for (const { name: own, at, revision, bytes, talos, kubernetes = "" } of found) {
    console.log([own, at, `revision ${revision}`, `${Math.ceil(bytes / 1024)} KiB`, talos, kubernetes].join("  "));
  }
  if (found.length === 0) console.log(`There is no snapshot of ${name} in ${store.where}.`);
}

async function restore(file: string, wanted: string, options: RestoreOptions): Promise<void> {
  const { name, store } = site(file);
  const { credentials, endpoints } = access(options.talosconfig);
  const keys = keysOf(options.identity);
  const redact = redactor([...Object.values(credentials), ...keys.identities, keys.passphrase ?? ""]);
  const manifest = choose(wanted, newestFirst(await manifestsOf(name, store)), store);
  await working(name, "restore etcd", redact, async (context) => {
    const { evenIfRunning = false } = options;
    const inputs = { manifest, store, keys, controlPlanes: endpoints, endpoint: httpEndpoint(), evenIfRunning };
    const plan = await planRestore(inputs, talosctl(credentials, redact), context);
    try {
      for (const line of plan.lines) console.log(line);
      if (options.yes !== true) await confirm(name);
      await plan.carryOut();
    } finally {
      plan.close();
    }
  });
}

function site(file: string) {
  const { name, backup } = planSite(parseSite(readSiteFile(file), file));
  if (backup === undefined) {
    throw new ProblemError(`${file} does not say where snapshots are:`, [
      { path: "backup", reason: "is missing", fix: "write where they go and who can open them: store and recipients" },
    ]);
  }
  const { store, problems } = openStore(backup, {});
  if (problems.length > 0) throw new ProblemError("Nothing was changed.", problems);
  return { name, backup, store };
}

function access(file: string) {
  return parseTalosconfig(textOf(file, "pulumi stack output --show-secrets talosconfig"), file);
}

function textOf(file: string, source: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = `cannot be read: ${(error as Error).message}`;
    throw new ProblemError("Nothing was changed.", [{ path: file, reason, fix: `name a file with: ${source}` }]);
  }
}

function keysOf(files: readonly string[]) {
  const lines = files.flatMap((file) => textOf(file, "AGE-SECRET-KEY-1…, as age-keygen writes it").split("\n"));
  const identities = lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  const passphrase = process.env.PLINTH_BACKUP_PASSPHRASE;
  return { identities, ...(passphrase && { passphrase }) };
}

async function manifestsOf(name: string, store: Store): Promise<readonly Manifest[]> {
  const { manifests, unreadable } = await readManifests(store, `${name}-`, AbortSignal.timeout(120_000));
  for (const file of unreadable) console.error(`${file} in ${store.where} is no manifest and is left out.`);
  return manifests.filter(({ cluster }) => cluster.name === name);
}

function choose(wanted: string, found: readonly Manifest[], store: Store): Manifest {
  const chosen = wanted === "latest" ? found[0] : found.find(({ name }) => name === wanted);
  if (chosen !== undefined) return chosen;
  const fix = found.length === 0 ? "there is none of this site" : `take latest, or one of plinth etcd list`;
  throw new ProblemError("Nothing was changed.", [{ path: wanted, reason: `is not in ${store.where}`, fix }]);
}

/** Alone on this host, with progress on standard error; Ctrl-C ends it between two steps. */
async function working(
  name: string,
  doing: string,
  redact: (text: string) => string,
  work: (context: SnapshotContext) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Error("it was interrupted"));
  const say = (message: string): void => console.error(redact(message));
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    await withFileLease(leaseDirectory(), { name: leaseName(name), doing }, () =>
      work({
        config: {},
        signal: controller.signal,
        log: { info: say, warn: say, progress: say },
        audit: fileAudit(auditFile(), `plinth etcd (${name})`, redact),
        redact,
      }),
    );
  } catch (error) {
    if (error instanceof ProblemError || error instanceof TypeError) throw error;
    throw new ProblemError(`Could not ${doing}:`, [
      { path: "", reason: redact(sentence(error)), fix: "run the same command again: it begins anew" },
    ]);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}
