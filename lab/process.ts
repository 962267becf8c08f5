import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { processStat } from "../provider/process";

/** A process told apart from a later one with the same pid by its start time (clock ticks since boot). */
export interface ProcessId {
  readonly pid: number;
  readonly started: string;
}

/** Identity of a running process; undefined when there is none, or only its zombie. */
export function identify(pid: number): ProcessId | undefined {
  const stat = processStat(pid);
  return stat === undefined || stat.state === "Z" ? undefined : { pid, started: stat.started };
}

/** Whether exactly this process still runs. */
export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.started === id.started;
}

/** Path of the program that a process runs; undefined when it is gone, or its file was replaced since. */
export function programOf(id: ProcessId): string | undefined {
  try {
    return isAlive(id) ? readlinkSync(`/proc/${id.pid}/exe`) : undefined;
  } catch {
    return undefined;
  }
}

/** Asks a process to end, and after `graceSeconds` ends it. Returns when it is gone. */
export async function stop(id: ProcessId, graceSeconds = 10): Promise<void> {
  if (!signal(id, "SIGTERM")) return;
  const deadline = Date.now() + graceSeconds * 1000;
  while (isAlive(id)) {
    if (Date.now() > deadline) signal(id, "SIGKILL");
    await sleep(20);
  }
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(id: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(id.pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Every process of this user's view whose command line satisfies a condition. */
export function findByArguments(matches: (args: readonly string[]) => boolean): ProcessId[] {
  return pids().flatMap((pid) => {
    let line: string;
    try {
      line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      return [];
    }
    const id = matches(line.split("\0").slice(0, -1)) ? identify(pid) : undefined;
    return id === undefined ? [] : [id];
  });
}

/** Every living descendant of a process, nearest first. */
export function descendants(pid: number): ProcessId[] {
  const byParent = new Map<number, number[]>();
  for (const child of pids()) {
    const parent = processStat(child)?.parent;
    if (parent !== undefined) byParent.set(parent, [...(byParent.get(parent) ?? []), child]);
  }
  const found: ProcessId[] = [];
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const child of byParent.get(next) ?? []) {
      queue.push(child);
      const id = identify(child);
      if (id !== undefined) found.push(id);
    }
  }
  return found;
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}
