/** Processes of this host, told apart from later ones with the same number. */
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** What the kernel says of a process. */
export interface ProcessStat {
  /** One letter; `Z` is a zombie. */
  readonly state: string;
  readonly parent: number;
  /** When it started, in clock ticks since the boot. */
  readonly started: string;
}

/** `undefined` if there is no such process, or if the system does not tell. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The command name is in parentheses and may hold spaces and parentheses itself: fields begin after the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, started] = [fields[0], fields[1], fields[19]];
  return state === undefined || started === undefined ? undefined : { state, parent: Number(parent), started };
}

/**
 * When a process started, in the kernel's ticks, so that a recycled pid is not taken for the old process;
 * `undefined` if there is no such process, empty where the system does not tell.
 */
export function startTime(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
  }
  const stat = processStat(pid);
  return stat?.state === "Z" ? undefined : (stat?.started ?? "");
}

/** A new one after each boot of this host; empty where the system does not tell. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/**
 * Whether a program of that name runs on this host that another parent than ours has started, as a plugin that has
 * outlived its engine; `undefined` where the system does not tell.
 */
export function runsBeside(program: string, parent = process.ppid): boolean | undefined {
  let pids: readonly number[];
  try {
    pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return undefined;
  }
  if (pids.length === 0) return undefined;
  return pids.some((pid) => {
    const stat = processStat(pid);
    if (stat === undefined || stat.state === "Z" || stat.parent === parent) return false;
    try {
      return basename(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] ?? "") === program;
    } catch {
      return false;
    }
  });
}
