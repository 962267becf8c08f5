import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** Root of the plinth package: the checkout, or its folder below node_modules. Sources and `dist/` both find it. */
export const packageRoot: string = findRoot(__dirname);

function findRoot(from: string): string {
  // dist/ holds no package.json, so the first one above this file is the package's own.
  if (existsSync(join(from, "package.json"))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error(`no package.json above ${__dirname}`);
  return findRoot(parent);
}

/**
 * The one folder outside the checkout that plinth writes to: built tools and lab instances.
 * `PLINTH_CACHE`, else `$XDG_CACHE_HOME/plinth`, else `~/.cache/plinth`.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.PLINTH_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "plinth"));
}
