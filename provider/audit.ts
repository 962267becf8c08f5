import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stateDirectory } from "./state";
import { whoAmI } from "./user";

/** An act that can lose data, stop a service or needs a privileged credential. */
export interface Act {
  readonly act:
    | "bootstrap"
    | "configure"
    | "snapshot"
    | "upgrade"
    | "wipe"
    | "install"
    | "rescue"
    | "restore"
    | "reset"
    | "unlock"
    | "destroy"
    | "order"
    | "power"
    | "release-address";
  /** What it is done to, as `cluster/node` or a URL without credentials. */
  readonly target: string;
  /** One sentence without secrets. */
  readonly detail: string;
}

/** Records an act; resolves when the record is on disk. An act that cannot be recorded must not be done. */
export type Audit = (act: Act) => Promise<void>;

/** Where the audit log is: `PLINTH_AUDIT_LOG`, else `audit.jsonl` in the state directory. */
export function auditFile(env: NodeJS.ProcessEnv = process.env): string {
  return env.PLINTH_AUDIT_LOG ?? join(stateDirectory(env), "audit.jsonl");
}

async function append(file: string, line: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, "a", 0o600);
  try {
    await handle.write(line);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Appends one JSON line per act to `file`. Appends of one line are atomic, so several processes may share it. */
export function fileAudit(file: string, urn: string, redact: (text: string) => string): Audit {
  return async (act) => {
    const { user, host } = whoAmI();
    const line = {
      time: new Date().toISOString(),
      ...act,
      detail: redact(act.detail),
      resource: urn,
      by: `${user}@${host}`,
      pid: process.pid,
    };
    try {
      await append(file, `${JSON.stringify(line)}\n`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${act.act} of ${act.target} was not done, it cannot be recorded in ${file} (${why})`);
    }
  };
}
