import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { packageRoot } from "../../components/discovery";
import { Instance } from "../instance/instance";
import { labStackFile } from "../instance/prepare";
import { cacheRoot } from "../places";
import type { RackControl } from "../rack/control";
import { rackControl } from "../rack/rack";
import { type Watched, Watcher } from "./watcher";

/** Versions a site declares. */
export interface Versions {
  readonly talos: string;
  readonly kubernetes: string;
}

/** How an `up` ended, and what was seen meanwhile. */
export interface Ended extends Watched {
  readonly ok: boolean;
  readonly output: string;
}

/** Longest time one command may take, in seconds. */
const COMMAND_SECONDS = 3600;

/** A lab instance whose versions change, by the same commands that a person uses. */
export class Stand {
  private readonly instance: Instance;
  private readonly folder: string;
  private readonly log: string;

  constructor(
    name: string,
    /** Versions that the site can have. */
    private readonly available: { readonly talos: readonly string[]; readonly kubernetes: readonly string[] },
    private readonly contract: string,
  ) {
    this.instance = new Instance(name);
    this.folder = join(cacheRoot(), name);
    this.log = join(this.folder, "lab.log");
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(this.log, "");
  }

  get control(): RackControl {
    return rackControl(this.instance);
  }

  /** Where the output of every command is kept. */
  get logFile(): string {
    return this.log;
  }

  /** Brings the site to these versions while it is watched; `watch: false` for a site that is not there yet. */
  async up(versions: Versions, { watch }: { readonly watch: boolean } = { watch: true }): Promise<Ended> {
    const watcher = watch ? new Watcher(this.control) : undefined;
    const { code, output } = await this.lab("up", "--site", this.stackFile(versions));
    const watched = (await watcher?.end()) ?? { boots: {}, quorumLost: [], samples: 0 };
    return { ok: code === 0, output, ...watched };
  }

  async reset(): Promise<void> {
    await this.lab("reset");
  }

  private stackFile({ talos, kubernetes }: Versions): string {
    const document = parseDocument(readFileSync(labStackFile, "utf8"));
    const set = (path: readonly string[], value: unknown) => document.setIn(["config", "plinth:site", ...path], value);
    set(["talos", "version"], talos);
    set(["talos", "configContract"], this.contract);
    set(["talos", "allow"], ["downgrade"]);
    set(["kubernetes", "version"], kubernetes);
    const timeouts = { etcd: "1m", ready: "2m", upgrade: "3m", drain: "1m" };
    set(["upgrade"], { available: this.available, timeouts });
    const file = join(this.folder, "site.yaml");
    writeFileSync(file, document.toString({ lineWidth: 0 }));
    return file;
  }

  private lab(...words: readonly string[]): Promise<{ code: number | null; output: string }> {
    const args = [join(packageRoot, "lab", "start.mjs"), "--instance", this.instance.name, ...words];
    const child = spawn(process.execPath, args, {
      cwd: packageRoot,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
      timeout: COMMAND_SECONDS * 1000,
    });
    let output = "";
    const gather = (text: string): void => {
      output += text;
      appendFileSync(this.log, text);
    };
    child.stdout.setEncoding("utf8").on("data", gather);
    child.stderr.setEncoding("utf8").on("data", gather);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, output }));
    });
  }
}
