import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * The one folder outside the checkout that plinth writes to: built tools and lab instances.
 * `PLINTH_CACHE`, else `$XDG_CACHE_HOME/plinth`, else `~/.cache/plinth`.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.PLINTH_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "plinth"));
}
