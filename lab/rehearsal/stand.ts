import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageRoot } from "../../components/discovery";
import { Instance } from "../instance/instance";
import { cacheRoot } from "../places";
import type { RackControl } from "../rack/control";
import { rackControl } from "../rack/rack";
import { Rival } from "./rival";
import { type Range, stackWith, type Versions } from "./site";
import { type Watched, Watcher } from "./watcher";

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
  private readonly generations: { [key: string]: number } = {};

  constructor(
    name: string,
    private readonly range: Range,
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

  /** Version of each kubelet, by its Node's name. */
  private async kubelets(): Promise<ReadonlyMap<string, string>> {
    return new Map(await this.nodes("{.status.nodeInfo.kubeletVersion}", /v\d+\.\d+\.\d+/));
  }

  /** Names of Nodes, each with a field of it, where that is as the pattern says. */
  private async nodes(field: string, pattern: RegExp): Promise<readonly (readonly [string, string])[]> {
    const lines = `{range .items[*]}{.metadata.name} ${field}{"\\n"}{end}`;
    const { code, output } = await this.lab("kubectl", "get", "nodes", `-o=jsonpath=${lines}`);
    if (code !== 0) throw new Error(`kubectl does not list the Nodes, see ${this.log}`);
    return output.split("\n").flatMap((line) => {
      const [, name, value] = new RegExp(`^(\\S+) (${pattern.source})$`).exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    });
  }

  private stackFile(versions: Versions): string {
    const file = join(this.folder, "site.yaml");
    writeFileSync(file, stackWith(versions, this.range, this.generations));
    return file;
  }

  /** Another person who has the site's state of now. */
  rival(): Rival {
    return new Rival(this.instance, join(this.folder, "rival"));
  }

  /** Waits until a machine runs another Talos than these versions say; false when the signal came first. */
  async begun({ talos }: Versions, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const status = await this.control.status().catch(() => undefined);
      if (status?.machines.some((machine) => machine.talos !== "" && machine.talos !== talos)) return true;
      await sleep(500);
    }
    return false;
  }

  /** Declares from now on that another machine, or a wiped one, stands under a key. */
  renew(machine: string): void {
    this.generations[machine] = (this.generations[machine] ?? 1) + 1;
  }

  /** What is not as these versions say, asked of the machines and of Kubernetes themselves. */
  async differences({ talos, kubernetes }: Versions): Promise<readonly string[]> {
    const { machines } = await this.control.status();
    const kubelets = await this.kubelets();
    return [
      ...machines
        .filter((machine) => machine.talos !== talos)
        .map((machine) => `${machine.name} runs Talos ${machine.talos}`),
      ...machines
        .filter(({ hostname }) => kubelets.get(hostname) !== kubernetes)
        .map(({ name, hostname }) => `the kubelet of ${name} is ${kubelets.get(hostname) ?? "not registered"}`),
    ];
  }

  /** Names of Nodes that take no pods. */
  async cordoned(): Promise<readonly string[]> {
    return (await this.nodes("{.spec.unschedulable}", /true/)).map(([name]) => name);
  }

  /** Whether a preview finds nothing left to change. */
  async isSettled(): Promise<boolean> {
    return (await this.lab("preview", "--expect-no-changes")).code === 0;
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
