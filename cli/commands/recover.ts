import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { parse } from "yaml";
import { projectFile } from "../../components/discovery";
import { ProblemError } from "../../components/problem";
import { identify } from "../../lab/process";
import { type KeptLease, recoverLeases } from "../../provider/lease";

/** A stack in a file backend. */
export interface StackPlace {
  /** Folder of the backend, the one that holds `.pulumi`. */
  readonly backend: string;
  readonly project: string;
  readonly stack: string;
}

/** What a run that was killed left behind, and what was done about it. */
export interface Recovery {
  /** Sentences for a person; empty if there was nothing to do. */
  readonly done: readonly string[];
  /** What a person has to see to first: a lock whose holder lives or cannot be judged from here, an order at a vendor. */
  readonly held: readonly string[];
}

/** `plinth recover`: makes a stack usable again after its engine was killed. */
export function registerRecover(program: Command): void {
  program
    .command("recover")
    .description("clear what a killed update left behind: leases and locks of dead processes, and pending creates")
    .option("--stack <name>", "the stack, as lab; without it only this host's leases are looked at")
    .option("--dir <folder>", "the project, or a folder below it", process.cwd())
    .action(async ({ stack, dir }: { stack?: string; dir: string }) => {
      const leases = leaseRecovery(await recoverLeases(), Date.now());
      const locks = stack === undefined ? { done: [], held: [] } : recoverStack(stackPlace(dir, stack));
      const held = [...leases.held, ...locks.held];
      const sentences = [...leases.done, ...locks.done, ...held];
      for (const sentence of sentences) console.log(sentence);
      if (sentences.length === 0) console.log("Nothing to recover: no lease, no lock, no pending create.");
      if (held.length > 0) process.exitCode = 1;
    });
}

/** What became of leases, in sentences. Pure. */
export function leaseRecovery(leases: readonly KeptLease[], now: number): Recovery {
  const done: string[] = [];
  const held: string[] = [];
  for (const { name, file, holder, host, since = now, verdict } of leases) {
    if (holder === undefined) done.push(`Removed the lease ${name}: it was only half written.`);
    else if (verdict === "dead") done.push(`Removed the lease ${name} of ${holder}: that process is gone.`);
    else if (verdict === "alive") held.push(`${name} is being changed by ${holder}: wait until it ends.`);
    else {
      const age = ageInWords(now - since);
      held.push(
        `${name} was taken ${age} ago by ${holder}, which cannot be seen from here: see on ${host}; if that host is gone for good, remove ${file}.`,
      );
    }
  }
  return { done, held };
}

function ageInWords(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 120) return `${minutes} minutes`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} hours` : `${Math.round(minutes / 1440)} days`;
}

/** Removes locks of dead processes, then, if the stack is free, clears its pending creates. */
export function recoverStack(place: StackPlace): Recovery {
  const done: string[] = [];
  const held: string[] = [];
  for (const { file, lock } of locks(place)) {
    const verdict = judge(lock, { host: hostname(), started: startedAt });
    const owner = `${lock.username ?? "?"}@${lock.hostname ?? "?"} (pid ${lock.pid ?? "?"}, since ${lock.timestamp ?? "?"})`;
    if (verdict === "dead") {
      for (const left of [file, `${file}.attrs`]) rmSync(left, { force: true });
      done.push(`Removed the lock of ${owner}: that process is gone.`);
    } else if (verdict === "alive") held.push(`The stack is being updated by ${owner}: wait until it ends.`);
    else held.push(`The stack is locked by ${owner}, which cannot be seen from here: see there, then 'pulumi cancel'.`);
  }
  if (held.length > 0) return { done, held };
  done.push(...removeHalfSidecars(place));
  const creates = clearPendingCreates(place);
  return { done: [...done, ...creates.done], held: creates.held };
}

/**
 * The backend keeps a sidecar file of each object's type and writes it in place: a kill may leave it empty, and nothing
 * can be read any more (`failed to load checkpoint: EOF`). Without one the object is read as it is.
 */
function removeHalfSidecars(place: StackPlace): readonly string[] {
  const folder = stacksFolder(place);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${place.stack}.json`) && name.endsWith(".attrs"))
    .filter((name) => !isJson(readFileSync(join(folder, name), "utf8")))
    .map((name) => {
      rmSync(join(folder, name));
      return `Removed ${name}, which was only half written: the state beside it is whole.`;
    });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const stacksFolder = ({ backend, project }: StackPlace): string => join(backend, ".pulumi", "stacks", project);

/** What a lock file of the engine says. */
export interface Lock {
  readonly pid?: number;
  readonly username?: string;
  readonly hostname?: string;
  readonly timestamp?: string;
}

/** Whether the process that took a lock still runs. `started` tells when a process began, in milliseconds. Pure. */
export function judge(
  lock: Lock,
  host: { readonly host: string; readonly started: (pid: number) => number | undefined },
): "dead" | "alive" | "elsewhere" {
  if (lock.pid === undefined || lock.hostname !== host.host) return "elsewhere";
  const started = host.started(lock.pid);
  if (started === undefined) return "dead";
  // A process that began after the lock was written has only inherited the number; clocks may differ by a moment.
  const written = Date.parse(lock.timestamp ?? "");
  return started > written + 2000 ? "dead" : "alive";
}

/**
 * Packages whose resources find what a killed create has made, or leave nothing behind that a second one stands beside.
 * Everything else is some vendor's: made again it may be a second machine, paid for and in no state.
 */
const ADOPTING = new Set(["plinth", "kubernetes", "talos", "tls", "random", "command", "pulumi"]);

/** A checkpoint without the pending creates that the next update may simply repeat, and what became of each. Pure. */
export function withoutPendingCreates(checkpoint: Checkpoint): {
  readonly kept: Checkpoint;
  readonly urns: readonly string[];
  /** Creates that are left in the checkpoint: what they were making may exist. */
  readonly unsure: readonly PendingResource[];
} {
  const latest = checkpoint.checkpoint?.latest;
  const operations = latest?.pending_operations ?? [];
  const creates = operations.filter(({ type }) => type === "creating");
  const adopted = creates.filter(({ resource }) => ADOPTING.has(typeOf(resource.urn).split(":")[0] ?? ""));
  const rest = operations.filter((operation) => !adopted.includes(operation));
  const { pending_operations: _, ...others } = latest ?? {};
  const kept = { ...others, ...(rest.length > 0 && { pending_operations: rest }) };
  return {
    kept: { ...checkpoint, checkpoint: { ...checkpoint.checkpoint, latest: kept } },
    urns: adopted.map(({ resource }) => resource.urn),
    unsure: creates.filter((operation) => rest.includes(operation)).map(({ resource }) => resource),
  };
}

/** The resource's own type, without those of its parents. */
function typeOf(urn: string): string {
  return urn.split("::").at(-2)?.split("$").at(-1) ?? "";
}

/** What a vendor's console shows of a resource that may be there: an input that names it, else its name in the program. */
function labelOf({ urn, inputs = {} }: PendingResource): string {
  const named = [inputs.label, inputs.name, inputs.hostname].find((value) => typeof value === "string" && value !== "");
  return String(named ?? urn.split("::").at(-1));
}

/** What to do about a create of which nobody knows how far it came. Pure. */
export function unsureCreate(resource: PendingResource, stack: string): string {
  const refresh = `pulumi refresh --stack ${stack}`;
  return [
    `${typeOf(resource.urn)} may exist at the vendor as ${labelOf(resource)}: an update was killed while it made it, and the next one would make a second.`,
    `Look there. If it exists: ${refresh} --import-pending-creates '${resource.urn}' --import-pending-creates ID, with the vendor's ID of it;`,
    `if it does not, or once you have deleted it there: ${refresh} --clear-pending-creates.`,
  ].join(" ");
}

/** A resource that was being made, as far as it is told apart. */
interface PendingResource {
  readonly urn: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

interface Checkpoint {
  readonly checkpoint?: {
    readonly latest?: {
      readonly pending_operations?: readonly { readonly type: string; readonly resource: PendingResource }[];
    };
  };
}

function clearPendingCreates(place: StackPlace): Recovery {
  const file = join(stacksFolder(place), `${place.stack}.json`);
  if (!existsSync(file)) return { done: [], held: [] };
  const { kept, urns, unsure } = withoutPendingCreates(JSON.parse(readFileSync(file, "utf8")) as Checkpoint);
  if (urns.length > 0) {
    const draft = `${file}.plinth-new`;
    writeFileSync(draft, JSON.stringify(kept), { mode: 0o600 });
    renameSync(draft, file);
    rmSync(`${file}.attrs`, { force: true });
  }
  return {
    done: urns.map(
      (urn) => `Cleared an interrupted create: ${urn.split("::").slice(-2).join(" ")}. The next update makes it.`,
    ),
    held: unsure.map((resource) => unsureCreate(resource, place.stack)),
  };
}

function locks(place: StackPlace): readonly { readonly file: string; readonly lock: Lock }[] {
  const folder = join(place.backend, ".pulumi", "locks", "organization", place.project, place.stack);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({ file: join(folder, name), lock: readLock(join(folder, name)) }));
}

/** A lock that cannot be read was being written when its engine was killed: nobody can be named. */
function readLock(file: string): Lock {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Lock;
  } catch {
    return {};
  }
}

const TICKS_PER_SECOND = 100;

/** Without a /proc nothing is known of a living process but that it lives: then it counts as the lock's owner. */
function startedAt(pid: number): number | undefined {
  if (!existsSync("/proc/stat")) return exists(pid) ? 0 : undefined;
  const process = identify(pid);
  if (process === undefined) return undefined;
  const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
  return (Number(boot) + Number(process.started) / TICKS_PER_SECOND) * 1000;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Where a project keeps a stack, if that is a folder of this machine. */
export function stackPlace(dir: string, stack: string, env: NodeJS.ProcessEnv = process.env): StackPlace {
  const refuse = (path: string, reason: string, fix: string): never => {
    throw new ProblemError("The stack cannot be found:", [{ path, reason, fix }]);
  };
  const file = projectFile(dir) ?? refuse(dir, "there is no Pulumi.yaml here or above", "name the project with --dir");
  const project = parse(readFileSync(file, "utf8")) as {
    readonly name?: string;
    readonly backend?: { readonly url?: string };
  };
  const name = project.name ?? refuse(file, "it has no project name", "add `name:`");
  const url = env.PULUMI_BACKEND_URL || project.backend?.url || loggedIn(env) || "";
  if (!url.startsWith("file://")) {
    return refuse(file, `its stacks are kept in ${url || "an unknown backend"}, not in files`, "use `pulumi cancel`");
  }
  const [path = ""] = url.slice("file://".length).split("?");
  const backend = path.startsWith("~")
    ? join(homedir(), path.slice(1))
    : path.startsWith("/")
      ? fileURLToPath(`file://${path}`)
      : resolve(dirname(file), path);
  return { backend, project: name, stack };
}

/** The backend of the last `pulumi login`. */
function loggedIn(env: NodeJS.ProcessEnv): string | undefined {
  const credentials = join(env.PULUMI_HOME ?? join(homedir(), ".pulumi"), "credentials.json");
  if (!existsSync(credentials)) return undefined;
  return (JSON.parse(readFileSync(credentials, "utf8")) as { readonly current?: string }).current;
}
