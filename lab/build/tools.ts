import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import semver from "semver";
import { packageRoot } from "../../components/discovery";
import { lock } from "../lock";
import { cacheRoot } from "../places";
import type { Ticker } from "../ticker";
import { compile, isComplete } from "./compile";
import { findGo, type Go } from "./go";
import { cacheKey } from "./key";
import { everyLab, type Recipe, type RecipeName, recipes, requirements } from "./recipes";

/** A binary the lab runs, and where it came from. */
export interface Tool {
  readonly path: string;
  /** As `v3.245.0`; for plinth's own tools the cache key. */
  readonly version: string;
  /** `built` from its pinned Go module, or `found` on PATH. */
  readonly origin: "built" | "found";
}

/** Binaries by name. */
export type Tools = Readonly<Record<string, Tool>>;

/**
 * A tool that the user may already have: any of the same line (same major for the engine, same minor for talosctl)
 * that is not older than the pinned one is as good as a built one; of helm any that plinth itself takes.
 */
const installed: Partial<Record<RecipeName, { module: string; args: string[]; range: (pinned: string) => string }>> = {
  pulumi: { module: "github.com/pulumi/pulumi/pkg/v3", args: ["version"], range: (pinned) => `^${pinned}` },
  talosctl: {
    module: "github.com/siderolabs/talos",
    args: ["version", "--client", "--short"],
    range: (pinned) => `~${pinned}`,
  },
  helm: { module: "helm.sh/helm/v3", args: ["version", "--template", "{{.Version}}"], range: () => ">=3.17.0 <4" },
};

/** Makes sure that tools exist, building what is missing, and says where each is. */
export async function ensureTools(ticker: Ticker, signal?: AbortSignal, names = everyLab): Promise<Tools> {
  const tools: Record<string, Tool> = {};
  let go: Go | undefined;
  for (const name of names) {
    const recipe: Recipe = recipes[name];
    const found = findInstalled(name);
    if (found !== undefined) {
      tools[name] = found;
      continue;
    }
    go ??= findGo();
    Object.assign(tools, await ensureBuilt(recipe, go, ticker, signal));
  }
  return tools;
}

/** Builds a recipe unless it is built already, and says where its binaries are. */
export async function ensureBuilt(recipe: Recipe, go: Go, ticker: Ticker, signal?: AbortSignal): Promise<Tools> {
  const folder = join(packageRoot, recipe.folder);
  const key = cacheKey(recipe, folder, go.release);
  const home = join(cacheRoot(), "tools", recipe.name);
  const target = join(home, key);
  if (!isComplete(recipe, target)) {
    mkdirSync(home, { recursive: true });
    const held = await ticker.during(
      () => `${recipe.name}: another process is building it`,
      () => lock(home, "building tools", (holder) => ticker.line(`${recipe.name}: waiting for ${holder}`)),
    );
    try {
      if (!isComplete(recipe, target)) await compile(recipe, folder, target, go, ticker, signal);
      prune(home);
    } finally {
      held.release();
    }
  }
  utimesSync(target, new Date(), new Date());
  const pinned = requirements(readFileSync(join(folder, `${recipe.pins ?? "go"}.mod`), "utf8"));
  return Object.fromEntries(
    Object.entries(recipe.binaries).map(([name, path]) => {
      const version = versionOf(path, pinned) ?? key;
      return [name, { path: join(target, name), version, origin: "built" as const }];
    }),
  );
}

/** Removes builds that no checkout has used for a month: every use renews the folder's time. */
function prune(home: string): void {
  const oldest = Date.now() - 30 * 24 * 3600 * 1000;
  for (const name of readdirSync(home)) {
    const folder = join(home, name);
    if (statSync(folder).mtimeMs < oldest) rmSync(folder, { recursive: true, force: true });
  }
}

/** Version of the module that holds a package: the longest required path that is a prefix of it. */
function versionOf(path: string, pinned: ReadonlyMap<string, string>): string | undefined {
  const holders = [...pinned.keys()].filter((module) => path === module || path.startsWith(`${module}/`));
  return pinned.get(holders.sort((a, b) => b.length - a.length)[0] ?? "");
}

function findInstalled(name: RecipeName): Tool | undefined {
  const known = installed[name];
  if (known === undefined) return undefined;
  const path = onPath(name);
  if (path === undefined) return undefined;
  const pinned = requirements(readFileSync(join(packageRoot, recipes[name].folder, "go.mod"), "utf8")).get(
    known.module,
  );
  if (pinned === undefined) throw new Error(`${recipes[name].folder}/go.mod does not require ${known.module}`);
  let said: string;
  try {
    said = execFileSync(path, known.args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 10_000 });
  } catch {
    return undefined;
  }
  const version = /v?(\d+\.\d+\.\d+\S*)/.exec(said)?.[1];
  if (version === undefined || !semver.satisfies(version, known.range(pinned.replace(/^v/, "")))) return undefined;
  return { path, version: `v${version}`, origin: "found" };
}

function onPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {}
  }
  return undefined;
}
