import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

/** Root of the plinth package: the checkout, or its folder below node_modules. Sources and `dist/` both find it. */
export const packageRoot: string =
  basename(dirname(__dirname)) === "dist" ? resolve(__dirname, "../..") : dirname(__dirname);

/**
 * The one folder outside the checkout that plinth writes to: built tools and lab instances.
 * `PLINTH_CACHE`, else `$XDG_CACHE_HOME/plinth`, else `~/.cache/plinth`.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.PLINTH_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "plinth"));
}
