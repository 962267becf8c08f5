import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ensureTools } from "../../lab/build/tools";
import { Ticker } from "../../lab/ticker";
import { ROOT } from "./site";

/** How an engine operation ended. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
  /** What the operation returned; undefined when it failed. */
  readonly result: { readonly [key: string]: unknown } | undefined;
}

/** One resource of the test provider; `secret` is its password as a secret, `nameFrom` another's late output. */
export interface ThingInputs {
  readonly name?: string;
  readonly world: string;
  readonly steps: readonly string[];
  readonly password?: string;
  readonly secret?: string;
  readonly nameFrom?: string;
  readonly nodes?: { readonly [key: string]: { readonly talos: string } };
  /** Longest duration of its create. */
  readonly seconds?: number;
}

/** What an operation needs beside its things. */
export interface Surroundings {
  readonly stack?: string;
  /** Configuration of an explicit provider; its token is passed as a secret. @default - the default provider */
  readonly netbox?: { readonly url: string; readonly token?: string };
}

/** Path of the real engine: `PULUMI`, else what the lab would use. */
export async function engineBinary(): Promise<string> {
  if (process.env.PULUMI !== undefined) return process.env.PULUMI;
  const { pulumi } = await ensureTools(new Ticker(), undefined, ["pulumi"]);
  if (pulumi === undefined) throw new Error("the engine is among the tools");
  return pulumi.path;
}

/** An empty project with a file backend, run by the real engine in processes of its own. */
export class Project {
  readonly dir = mkdtempSync(path.join(tmpdir(), "plinth-engine-"));
  private readonly state = path.join(this.dir, "state");

  constructor(
    private readonly engine: string,
    /** Folder of the provider plugin, as the project file names it. */
    plugin = path.join(ROOT, "test/provider/fixture"),
  ) {
    mkdirSync(this.state);
    writeFileSync(
      path.join(this.dir, "Pulumi.yaml"),
      `name: test\nruntime: nodejs\nplugins:\n  providers:\n    - name: plinth\n      path: ${plugin}\n`,
    );
  }

  get env(): Record<string, string> {
    return {
      PATH: `${path.dirname(this.engine)}${path.delimiter}${process.env.PATH ?? ""}`,
      PULUMI_HOME: path.join(this.dir, "home"),
      PULUMI_BACKEND_URL: `file://${this.state}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PLINTH_STATE_DIR: path.join(this.dir, "host"),
      PLINTH_TEST_PIDS: path.join(this.dir, "pids"),
    };
  }

  /** A folder in which a thing lives. */
  world(name: string): string {
    const folder = path.join(this.dir, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  start(operation: string, things: { readonly [name: string]: ThingInputs }, more: Surroundings = {}): Running {
    const job = { operation, things, ...more, dir: this.dir, env: this.env };
    return new Running(
      spawn(process.execPath, [path.join(ROOT, "test/provider/fixture/host.cjs"), JSON.stringify(job)], {
        env: { ...process.env, ...this.env },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  }

  run(operation: string, things: { readonly [name: string]: ThingInputs }, more?: Surroundings): Promise<Ended> {
    return this.start(operation, things, more).ended;
  }

  /** The stack's file as the backend holds it. */
  stateText(stack = "test"): string {
    const file = path.join(this.state, ".pulumi", "stacks", "test", `${stack}.json`);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** What the state says about a resource. */
  resource(name: string): StoredResource | undefined {
    const { latest } = JSON.parse(this.stateText()).checkpoint;
    return latest?.resources?.find(({ urn }: StoredResource) => urn.endsWith(`::${name}`));
  }

  get locks(): readonly string[] {
    const folder = path.join(this.state, ".pulumi", "locks", "organization", "test", "test");
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  }

  get backend(): string {
    return this.state;
  }

  /** Provider processes of this project that still run. */
  get plugins(): readonly number[] {
    const file = path.join(this.dir, "pids");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8").trim().split("\n").map(Number).filter(isRunning);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

interface StoredResource {
  readonly urn: string;
  readonly id?: string;
  readonly initErrors?: readonly string[];
  readonly outputs?: { readonly [key: string]: unknown };
}

/** An engine operation on its way. */
export class Running {
  output = "";
  readonly ended: Promise<Ended>;

  constructor(readonly host: ChildProcess) {
    const gather = (text: string): void => {
      this.output += text;
    };
    host.stdout?.setEncoding("utf8").on("data", gather);
    host.stderr?.setEncoding("utf8").on("data", gather);
    this.ended = new Promise((resolve, reject) => {
      host.on("error", reject);
      host.on("close", (code) => {
        const line = /^RESULT (.*)$/m.exec(this.output)?.[1];
        resolve({ code, output: this.output, result: line === undefined ? undefined : JSON.parse(line) });
      });
    });
  }

  /** Process of the engine itself. */
  get engine(): number {
    const children = execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(this.host.pid)], { encoding: "utf8" });
    const pid = /(\d+) pulumi$/m.exec(children)?.[1];
    if (pid === undefined) throw new Error(`no engine among:\n${children}`);
    return Number(pid);
  }
}

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

/** Waits for a condition, at most `seconds`. */
export async function until(what: string, seconds: number, condition: () => boolean): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
