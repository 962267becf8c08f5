import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { bootId, startTime } from "./process";
import { stateDirectory } from "./state";
import { whoAmI } from "./user";

/** What is held, and against whom. */
export interface Hold {
  /** Names the thing that only one may change at a time, as `cluster-home`. */
  readonly name: string;
  /** What the holder does, for the sentence the other one prints. */
  readonly doing: string;
}

const recordSchema = z.object({
  id: z.string(),
  pid: z.number(),
  boot: z.string(),
  started: z.string(),
  host: z.string(),
  user: z.string(),
  since: z.string(),
  doing: z.string(),
});
type LeaseRecord = z.infer<typeof recordSchema>;

/** Someone else works on the same thing. */
export class LeaseHeld extends Error {
  constructor(name: string, holder: string, wayOut = "wait until it ends, then run again") {
    super(`${name} is being changed by ${holder}; ${wayOut}`);
    this.name = "LeaseHeld";
  }
}

/** A lease as it lies on the disk. */
export interface KeptLease {
  /** What is held, as in `cluster-home`. */
  readonly name: string;
  readonly file: string;
  /** In words; absent when the file cannot be read. */
  readonly holder?: string;
  readonly host?: string;
  /** When it was taken, in milliseconds since 1970. */
  readonly since?: number;
  /** `elsewhere` is another host's: nobody here can see whether it lives. */
  readonly verdict: "dead" | "alive" | "elsewhere";
}

/** Where this host keeps its leases. */
export function leaseDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(stateDirectory(env), "leases");
}

/**
 * Holds the lease `hold.name` on this host while `work` runs. A lease whose process is gone (same boot, same pid and
 * start time no longer there) is taken over; a live one is refused with a {@link LeaseHeld} that names the holder.
 */
export async function withFileLease<T>(directory: string, hold: Hold, work: () => Promise<T>): Promise<T> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new Error(
      `leases cannot be kept in ${directory} (${error.message}): make it writable, or set PLINTH_STATE_DIR`,
    );
  });
  const file = join(directory, `${hold.name.replace(/[^A-Za-z0-9._-]/g, "_")}.lease`);
  const mine: LeaseRecord = {
    id: randomUUID(),
    pid: process.pid,
    boot: bootId(),
    started: startTime(process.pid) ?? "",
    ...whoAmI(),
    since: new Date().toISOString(),
    doing: hold.doing,
  };
  await take(file, mine, hold);
  try {
    return await work();
  } finally {
    await release(file, mine);
  }
}

/** A link is made whole or not at all, and fails when the lease exists: nobody reads half a record. */
async function take(file: string, mine: LeaseRecord, hold: Hold): Promise<void> {
  const draft = `${file}.${mine.id}`;
  await writeFile(draft, JSON.stringify(mine), { mode: 0o600, flag: "wx" });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await linked(draft, file)) return;
      const holder = await readRecord(file);
      if (holder === "absent") continue;
      const verdict = judge(holder);
      if (holder === "unreadable" || verdict === "dead") await discard(file);
      else throw new LeaseHeld(hold.name, describe(holder), verdict === "elsewhere" ? unseen(holder, file) : undefined);
    }
    throw new LeaseHeld(hold.name, "another process that takes it at the same moment");
  } finally {
    await rm(draft, { force: true });
  }
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a lease whose holder is dead. One process at a time looks and removes: two that saw the same dead holder would
 * otherwise remove each other's new lease.
 */
async function discard(file: string): Promise<void> {
  const claim = createServer();
  for (let attempt = 0; ; attempt++) {
    const outcome = await listens(
      claim,
      `\0plinth-lease-${createHash("sha256").update(file).digest("hex").slice(0, 32)}`,
    );
    if (outcome !== "taken") break;
    // The other one only reads and removes a file.
    if (attempt === 500) return;
    await sleep(10);
  }
  try {
    const holder = await readRecord(file);
    if (holder !== "absent" && judge(holder) === "dead") await rm(file, { force: true });
  } finally {
    claim.close();
  }
}

/** A name in the kernel's abstract socket namespace, which ends with its process; other systems have none to offer. */
async function listens(server: Server, name: string): Promise<"mine" | "taken" | "unsupported"> {
  server.listen(name);
  try {
    await once(server, "listening");
    return "mine";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EADDRINUSE" ? "taken" : "unsupported";
  }
}

async function release(file: string, mine: LeaseRecord): Promise<void> {
  const current = await readRecord(file);
  if (typeof current !== "string" && current.id === mine.id) await rm(file, { force: true });
}

async function readRecord(file: string): Promise<LeaseRecord | "absent" | "unreadable"> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "absent" : "unreadable";
  }
}

function describe(holder: LeaseRecord): string {
  return `${holder.user}@${holder.host} (pid ${holder.pid}, since ${holder.since}: ${holder.doing})`;
}

/** Another host's lease cannot be judged from here: a state directory on shared storage counts it as alive. */
function judge(holder: LeaseRecord | "unreadable"): KeptLease["verdict"] {
  if (holder === "unreadable") return "dead";
  if (holder.host !== hostname()) return "elsewhere";
  if (holder.boot !== bootId()) return "dead";
  const started = startTime(holder.pid);
  return started !== undefined && (holder.started === "" || started === holder.started) ? "alive" : "dead";
}

/** What to do about a holder that nobody here can see. */
function unseen({ host }: LeaseRecord, file: string): string {
  return `wait until it ends; if ${host} is gone for good, remove ${file}`;
}

/** Every lease below `directory`. Those of dead processes are removed, with what they left half-made. */
export async function recoverLeases(directory = leaseDirectory()): Promise<readonly KeptLease[]> {
  const names = (await readdir(directory).catch(() => [])).sort();
  const found: KeptLease[] = [];
  for (const each of names) {
    const [, name, draft] = /^(.*)\.lease(\.[0-9a-f-]{36})?$/.exec(each) ?? [];
    const file = join(directory, each);
    const holder = name === undefined ? "absent" : await readRecord(file);
    // A draft that cannot be read is one that is being written.
    if (name === undefined || holder === "absent" || (draft !== undefined && holder === "unreadable")) continue;
    const verdict = judge(holder);
    if (verdict === "dead") await discard(file);
    if (draft !== undefined) continue;
    const who = holder === "unreadable" ? {} : { host: holder.host, since: Date.parse(holder.since) };
    found.push({ name, file, verdict, ...who, ...(holder !== "unreadable" && { holder: describe(holder) }) });
  }
  return found;
}
