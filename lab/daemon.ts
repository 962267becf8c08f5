import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../components/problem";
import { identify, isAlive } from "./process";

/** A program that outlives the command that starts it. */
interface Daemon {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Takes its output, beginning anew. */
  readonly logFile: string;
  /** What stands in its log once it can be used. */
  readonly ready: string;
  /** Longest wait for that. */
  readonly seconds: number;
}

/** Starts a daemon and waits until it can be used. One that is late still runs: whoever asked ends it. */
export async function startDaemon(daemon: Daemon): Promise<"ready" | "ended" | "late"> {
  const { logFile } = daemon;
  const log = openSync(logFile, "w", 0o600);
  // A process group of its own: Ctrl-C on the command that started it does not end it.
  const child = spawn(daemon.program, daemon.args, { cwd: daemon.cwd, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  failed.catch(() => {});
  if (child.pid === undefined) return await failed;
  const id = identify(child.pid);
  child.unref();
  const deadline = Date.now() + daemon.seconds * 1000;
  while (!readFileSync(logFile, "utf8").includes(daemon.ready)) {
    if (id === undefined || !isAlive(id)) return "ended";
    if (Date.now() > deadline) return "late";
    await sleep(30);
  }
  return "ready";
}

/** Why a server of the lab did not start, and what to do. */
export function notStarted(name: string, path: string, ended: "ended" | "late", logFile: string): ProblemError {
  const said = readFileSync(logFile, "utf8").trim() || "it ended at once";
  const reason = ended === "ended" ? said : "it did not start in time";
  const fix = "`ss -ltnp` names a program that has its port; `npm run lab -- reset` begins anew";
  return new ProblemError(`The lab's ${name} did not start.`, [{ path, reason, fix }]);
}
