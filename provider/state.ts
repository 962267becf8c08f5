import { homedir } from "node:os";
import { join } from "node:path";

/** Where this host keeps leases and the audit log: `PLINTH_STATE_DIR`, else `plinth` in the user's state folder. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return env.PLINTH_STATE_DIR ?? join(env.XDG_STATE_HOME ?? join(homedir(), ".local", "state"), "plinth");
}
