import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { ProblemError } from "../../components/problem";
import { archiveName } from "../../components/release/versions";
import { GoError, runGo } from "../build/go";
import { cacheRoot } from "../places";

/** What packing needs. */
export interface Packing {
  /** Path of helm. */
  readonly helm: string;
  readonly signal?: AbortSignal;
}

/** A folder of a Go module's sources. */
export interface ModuleFolder {
  readonly path: string;
  readonly version: string;
  readonly folder: string;
}

/**
 * Archive of a chart whose sources are a folder: of a Go module, or of the lab. It is packed once, since every archive
 * has its own time in it, and so its own digest.
 */
export async function packed(
  name: string,
  version: string,
  source: { readonly module: ModuleFolder } | { readonly folder: string },
  packing: Packing,
): Promise<string> {
  const key = "module" in source ? moduleKey(source.module) : sourcesKey(source.folder);
  const home = await kept(`${name}-${version}-${key}`, async (work) => {
    const folder =
      "module" in source ? join(await fetched(source.module, work, packing), source.module.folder) : source.folder;
    const chart: { appVersion?: string } = parse(readFileSync(join(folder, "Chart.yaml"), "utf8"));
    // Where the sources say no version of the software, a release gives it that of the chart.
    const software = /^v?0\.0\.0$/.test(chart.appVersion ?? "") ? ["--app-version", version] : [];
    await helm(packing, ["package", folder, "--version", version, ...software, "--destination", work]);
  });
  return join(home, archiveName(name, version));
}

/** One file of all the YAML files in a folder of a Go module. */
export async function joined(name: string, module: ModuleFolder, packing: Packing): Promise<string> {
  const file = `${name}-${module.version}.yaml`;
  const home = await kept(`${name}-${module.version}-${moduleKey(module)}`, async (work) => {
    const texts = yamlFiles(join(await fetched(module, work, packing), module.folder)).map((path) =>
      readFileSync(path, "utf8"),
    );
    writeFileSync(join(work, file), texts.join("\n---\n"));
  });
  return join(home, file);
}

/** A folder with all the YAML files of some folders of a Go module. */
export function copied(
  name: string,
  module: Omit<ModuleFolder, "folder"> & { readonly folders: readonly string[] },
  packing: Packing,
): Promise<string> {
  const key = moduleKey({ ...module, folder: module.folders.join(" ") });
  return kept(`${name}-${module.version}-${key}`, async (work) => {
    const sources = await fetched(module, work, packing);
    for (const path of module.folders.flatMap((folder) => yamlFiles(join(sources, folder)))) {
      copyFileSync(path, join(work, path.split("/").at(-1) ?? ""));
    }
  });
}

/** A folder of the cache that appears whole or not at all; `make` is only called when it is not there. */
async function kept(name: string, make: (work: string) => Promise<void>): Promise<string> {
  const home = join(cacheRoot(), "charts", name);
  if (!existsSync(home)) {
    const work = `${home}.${randomBytes(4).toString("hex")}`;
    mkdirSync(work, { recursive: true });
    try {
      await make(work);
      // Somebody else may have been faster: their archive counts.
      if (!existsSync(home)) renameSync(work, home);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  utimesSync(home, new Date(), new Date());
  return home;
}

/** Folder of a module's sources. Go checks their sum against the checksum database when it fetches them. */
async function fetched(module: Omit<ModuleFolder, "folder">, work: string, { signal }: Packing): Promise<string> {
  const reference = `${module.path}@${module.version}`;
  const options = { temporary: work, onLine: () => {}, ...(signal && { signal }) };
  try {
    const answer: { Dir: string } = JSON.parse(await runGo(work, ["mod", "download", "-json", reference], options));
    return answer.Dir;
  } catch (error) {
    if (!(error instanceof GoError)) throw error;
    throw new ProblemError(error.message, [
      {
        path: reference,
        reason: "the Go module that ships the chart cannot be fetched",
        fix: "check the network and GOPROXY, or name a folder with the charts in PLINTH_CHARTS_DIR",
      },
    ]);
  }
}

async function helm({ helm: binary, signal }: Packing, args: readonly string[]): Promise<void> {
  await promisify(execFile)(binary, args, { timeout: 60_000, ...(signal && { signal }) });
}

function yamlFiles(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml");
  return names.sort().map((name) => join(folder, name));
}

function moduleKey({ path, version, folder }: ModuleFolder): string {
  return createHash("sha256").update(`${path}@${version}/${folder}`).digest("hex").slice(0, 8);
}

function sourcesKey(folder: string): string {
  const key = createHash("sha256");
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) key.update(`${entry.name}\n`).update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return key.digest("hex").slice(0, 8);
}
