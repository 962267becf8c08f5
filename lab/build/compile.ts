import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { ProblemError } from "../../components/problem";
import { seconds, type Ticker } from "../ticker";
import { type Go, GoError, parallelism, runGo } from "./go";
import { type Patch, type Recipe, requirements } from "./recipes";

/** Name of the file that closes a finished build: the size of every binary. */
const MANIFEST = "manifest.json";

/** Whether `target` holds every binary of the recipe, whole. */
export function isComplete(recipe: Recipe, target: string): boolean {
  try {
    const sizes: Record<string, number> = JSON.parse(readFileSync(join(target, MANIFEST), "utf8"));
    return Object.keys(recipe.binaries).every((name) => {
      const found = statSync(join(target, name));
      return found.size === sizes[name] && (found.mode & 0o100) !== 0;
    });
  } catch {
    return false;
  }
}

/** Builds a recipe into `target`, which appears whole or not at all. The caller holds the recipe's lock. */
export async function compile(
  recipe: Recipe,
  folder: string,
  target: string,
  go: Go,
  ticker: Ticker,
  signal?: AbortSignal,
): Promise<void> {
  const started = Date.now();
  // One name: whoever holds the lock may clear what an interrupted build left.
  const work = join(dirname(target), ".building");
  clear(work);
  requireSpace(recipe, [dirname(target), ...go.caches]);
  const [binaries, temporary] = [join(work, "bin"), join(work, "tmp")];
  mkdirSync(binaries, { recursive: true });
  mkdirSync(temporary);
  try {
    await build(recipe, folder, { binaries, temporary }, ticker, signal);
    const sizes = Object.fromEntries(
      Object.keys(recipe.binaries).map((name) => [name, statSync(join(binaries, name)).size]),
    );
    writeFileSync(join(binaries, MANIFEST), `${JSON.stringify(sizes)}\n`);
    clear(target);
    renameSync(binaries, target);
  } catch (error) {
    throw explain(recipe, error);
  } finally {
    clear(work);
  }
  ticker.line(`${recipe.name}: built in ${seconds(Date.now() - started)}`);
}

async function build(
  recipe: Recipe,
  folder: string,
  places: { readonly binaries: string; readonly temporary: string },
  ticker: Ticker,
  signal?: AbortSignal,
): Promise<void> {
  const packages = Object.values(recipe.binaries);
  const seen = { modules: 0, packages: 0 };
  let total = 0;
  const onLine = (line: string) => {
    if (line.startsWith("go: downloading")) seen.modules++;
    else if (!/\s/.test(line)) seen.packages++;
  };
  const fetched = () => (seen.modules === 0 ? "" : `, ${seen.modules} modules fetched`);
  const options = { temporary: places.temporary, onLine, ...(signal === undefined ? {} : { signal }) };
  const goMod = join(folder, `${recipe.pins ?? "go"}.mod`);
  const pinning = recipe.pins === undefined ? [] : [`-modfile=${goMod}`];
  await ticker.during(
    () => `${recipe.name}: reading its modules${fetched()}`,
    async () => {
      const list = await runGo(
        folder,
        ["list", "-mod=readonly", ...pinning, "-deps", "-f", "{{.ImportPath}}", ...packages],
        options,
      );
      total = new Set(list.trim().split("\n")).size;
    },
  );
  const modules = recipe.patch === undefined ? pinning : [await applyPatch(recipe.patch, folder, options)];
  const pinned = requirements(readFileSync(goMod, "utf8"));
  const stamps = Object.entries(recipe.stamps(pinned)).map(([variable, value]) => `-X ${variable}=${value}`);
  await ticker.during(
    () => `${recipe.name}: ${seen.packages} of at most ${total} packages compiled${fetched()}`,
    () =>
      runGo(
        folder,
        [
          "build",
          "-v",
          "-mod=readonly",
          "-trimpath",
          "-buildvcs=false",
          // The linker leaves a debugger's tables out: a tenth of the work is to make them.
          "-gcflags=all=-dwarf=false",
          `-p=${parallelism(availableParallelism())}`,
          `-ldflags=${["-s -w", ...stamps].join(" ")}`,
          ...modules,
          `-o=${places.binaries}/`,
          ...packages,
        ],
        options,
      ),
  );
  for (const [name, path] of Object.entries(recipe.binaries)) {
    const made = join(places.binaries, goBinaryName(path));
    if (basename(made) !== name) renameSync(made, join(places.binaries, name));
  }
}

/**
 * Copies the module with the one file replaced and returns the argument that makes go use the copy: go refuses to
 * overlay files of its module cache. The module is fetched by now.
 */
async function applyPatch(patch: Patch, folder: string, options: Parameters<typeof runGo>[2]): Promise<string> {
  const { module, file, by } = patch;
  const home = (await runGo(folder, ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module], options)).trim();
  const copy = join(options.temporary, "patched");
  if (!existsSync(join(home, file))) throw new Error(`${module} has no ${file} any more: the patch for it is stale`);
  copySources(home, copy);
  rmSync(join(copy, file));
  copyFileSync(join(folder, by), join(copy, file));
  const goMod = join(options.temporary, "patched.mod");
  copyFileSync(join(folder, "go.mod"), goMod);
  copyFileSync(join(folder, "go.sum"), join(options.temporary, "patched.sum"));
  await runGo(folder, ["mod", "edit", `-replace=${module}=${copy}`, goMod], options);
  return `-modfile=${goMod}`;
}

/** Copies a module out of go's cache, whose folders are read-only: the copies are not, so they can be removed again. */
function copySources(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copySources(source, target);
    else if (!entry.name.endsWith("_test.go")) copyFileSync(source, target);
  }
}

/** What `go build -o folder/` calls a package: its last element, a major version suffix aside. */
function goBinaryName(path: string): string {
  return basename(/\/v\d+$/.test(path) ? dirname(path) : path);
}

function clear(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

function requireSpace(recipe: Recipe, folders: readonly string[]): void {
  const problems = folders.flatMap((folder) => {
    const disk = statfsSync(existing(folder));
    const free = (disk.bavail * disk.bsize) / 2 ** 30;
    // A warm Go cache needs far less than a cold one, so only what would fail even then is refused beforehand.
    if (free >= recipe.spaceGiB / 4) return [];
    const reason = `only ${free.toFixed(1)} GiB are free, building ${recipe.name} may take ${recipe.spaceGiB} GiB`;
    return [
      { path: folder, reason, fix: `make room there, or set PLINTH_CACHE, GOCACHE and GOMODCACHE to a larger disk` },
    ];
  });
  if (problems.length > 0) throw new ProblemError("The disk is too full to build the lab's tools.", problems);
}

function existing(folder: string): string {
  return existsSync(folder) ? folder : existing(dirname(folder));
}

/** A failed build in words a person can act on. */
function explain(recipe: Recipe, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof GoError || code === "ENOSPC") {
    const text = error instanceof Error ? error.message : "";
    const fix = /no space left on device|ENOSPC/.test(text)
      ? "the disk is full: make room and run the same command again, it goes on where it stopped"
      : /dial tcp|no such host|connection refused|i\/o timeout|proxyconnect|TLS handshake/.test(text)
        ? "the Go module proxy cannot be reached: check the network and GOPROXY, then run the same command again"
        : /signal: killed/.test(text)
          ? "the compiler was killed, most often for want of memory: close something and run the same command again"
          : "run the same command again; if it stays, the text above is go's own";
    return new ProblemError(text, [{ path: recipe.name, reason: "go could not build it", fix }]);
  }
  return error;
}
