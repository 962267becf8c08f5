import { hostname, userInfo } from "node:os";

/** Who runs this process, as `anna@host`. A user without an entry in the user database, as in many containers, is `uid-1000`. */
export function whoAmI(): { readonly user: string; readonly host: string } {
  try {
    return { user: userInfo().username, host: hostname() };
  } catch {
    return { user: `uid-${process.getuid?.() ?? "unknown"}`, host: hostname() };
  }
}
