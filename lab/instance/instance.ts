import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../../components/problem";
import { type Lock, lock, tryLock } from "../lock";
import { cacheRoot } from "../places";
import type { Subnet } from "./subnet";

/** The instance that `npm run lab` means without `--instance`. */
export const DEFAULT_INSTANCE = "lab";
/** Name of the Pulumi stack in every instance; each instance has a backend of its own. */
export const STACK = "lab";
/** Name of the Pulumi project, as Pulumi.yaml says it. */
export const PROJECT = "plinth";

/** One lab on this computer: a folder below the cache that holds everything it is. */
export class Instance {
  readonly folder: string;

  constructor(readonly name: string) {
    if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
      throw new ProblemError("There can be no such lab instance.", [
        {
          path: "--instance",
          reason: `"${name}" is not a name`,
          fix: "use 1 to 32 lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
        },
      ]);
    }
    this.folder = join(instancesFolder(), name);
  }

  /** A path inside the instance. */
  at(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Work folder of the engine: the copy of Pulumi.yaml and the stack file. */
  get project(): string {
    return this.at("project");
  }

  /** The instance's copy of the stack file, relocated to its subnet. */
  get stackFile(): string {
    return this.at("project", "stacks", `Pulumi.${STACK}.yaml`);
  }

  /** Folder the rig keeps its machines in. */
  get rig(): string {
    return this.at("rig");
  }

  get kubeconfig(): string {
    return this.at("kubeconfig");
  }

  get talosconfig(): string {
    return this.at("talosconfig");
  }

  get exists(): boolean {
    return existsSync(this.at(RECORD));
  }

  /** What was decided when the instance was made; undefined before. */
  read(): InstanceRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.at(RECORD), "utf8"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new ProblemError("The lab instance cannot be read.", [
        { path: this.at(RECORD), reason: String(error), fix: `remove the folder ${this.folder} to begin anew` },
      ]);
    }
  }

  write(record: InstanceRecord): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeAtomically(this.at(RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
  }

  /** Takes the instance for one command that changes it, or says which other command has it. */
  async hold(command: string): Promise<Lock> {
    const held = await tryLock(this.folder, command);
    if (typeof held !== "string") return held;
    const fix = "wait until it ends, or end it with Ctrl-C in its own terminal";
    throw new ProblemError("Nothing was changed.", [
      { path: this.name, reason: `${held || "another command"} is at work on this lab instance`, fix },
    ]);
  }
}

/** Durable facts of an instance. */
export interface InstanceRecord {
  readonly subnet: Subnet;
  /** The user's stack file that this instance is a copy of. */
  readonly source: string;
}

const RECORD = "instance.json";

/** Every instance that exists, by name. */
export function instances(): Instance[] {
  if (!existsSync(instancesFolder())) return [];
  return readdirSync(instancesFolder(), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(instancesFolder(), entry.name, RECORD)))
    .map((entry) => new Instance(entry.name));
}

/** Held while a subnet is chosen and written down, so that two new instances never choose the same. */
export function holdSubnets(): Promise<Lock> {
  return lock(instancesFolder(), "choosing a lab subnet", () => {});
}

/** Writes a file so that a reader sees the old one or the new one, whole. */
export function writeAtomically(path: string, text: string, mode = 0o600): void {
  writeFileSync(`${path}.new`, text, { mode });
  renameSync(`${path}.new`, path);
}

function instancesFolder(): string {
  return join(cacheRoot(), "lab");
}
