import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageRoot } from "../../components/discovery";
import { readState } from "../engine/engine";
import { Instance, PROJECT, STACK } from "../instance/instance";
import { findByArguments } from "../process";
import { labStatus } from "../status/status";
import type { Point } from "./point";

/** Longest time one run may take, in seconds; a run that hangs is a failure like any other. */
const RUN_SECONDS = 600;

/** How much of a failed command's output is told. */
const LAST_LINES = 25;

/** How an `up` is killed. */
export interface Kill {
  /** @default "engine" */
  readonly whom?: "engine" | "provider";
  /** Time between the point and the kill. @default 0 */
  readonly seconds?: number;
}

/** A lab instance that is crashed again and again. */
export class Trial {
  readonly instance: Instance;
  private said = "";

  constructor(
    name: string,
    private readonly log: string,
  ) {
    this.instance = new Instance(name);
  }

  /** Runs an `up` that is killed at a point; without one it runs to its end. Returns every point it passed. */
  async crash(stackFile: string, point?: Point, how: Kill = {}): Promise<{ passed: Point[]; killed: boolean }> {
    const trace = `${this.log}.trace`;
    rmSync(trace, { force: true });
    const victim = join(packageRoot, "dist", "lab", "crash", "victim.js");
    const { whom = "engine", seconds = 0 } = how;
    const target = point === undefined ? [] : [point, whom, String(seconds)];
    const args = [victim, this.instance.name, stackFile, trace, ...target];
    const { code, stdout } = await this.run(process.execPath, args);
    rmSync(trace, { force: true });
    if (code !== 0 && code !== 9) throw new Error(`the run before the crash failed by itself, see ${this.log}`);
    return { passed: stdout.trim().split("\n").filter(Boolean), killed: code === 9 };
  }

  /** What a person does next: `npm run lab`. Throws when it does not finish, or leaves something behind. */
  async finish(stackFile: string): Promise<void> {
    await this.lab("up", "--site", stackFile);
    const { nodes, machines } = await labStatus(this.instance);
    const ready = nodes?.filter((node) => node.ready).length ?? 0;
    if (ready !== machines.length) throw new Error(`${ready} of ${machines.length} nodes are Ready`);
    const pending = readState(this.instance)?.pending_operations ?? [];
    if (pending.length > 0) throw new Error(`${pending.length} pending operations are left in the state`);
    const locks = this.instance.at("state", ".pulumi", "locks", "organization", PROJECT, STACK);
    if (existsSync(locks) && readdirSync(locks).length > 0) throw new Error("a lock is left in the backend");
    await this.noOrphans();
    await this.noUnfinishedRelease();
  }

  /** What Helm notes of its releases, and what the state says of them, is the same. */
  private async noUnfinishedRelease(): Promise<void> {
    const resources = readState(this.instance)?.resources ?? [];
    const known = resources.filter(({ type }) => type === "kubernetes:helm.sh/v3:Release").length;
    if (known === 0) return;
    const list = await this.output("helm", "list", "--all-namespaces", "--all", "-o", "json");
    const found: readonly { name: string; status: string }[] = JSON.parse(list);
    if (found.length !== known || found.some(({ status }) => status !== "deployed")) {
      const told = found.map(({ name, status }) => `${name} ${status}`).join(", ");
      throw new Error(`the state has ${known} releases, Helm ${told || "none"}`);
    }
    const notes = await this.output("kubectl", "get", "configmaps", "--all-namespaces", "-o", "name");
    if (notes.includes("configmap/plinth-release-")) throw new Error("a note about a release is left behind");
    await this.lab("preview", "--expect-no-changes");
  }

  /** Runs a lab command as a person would. */
  async lab(...words: readonly string[]): Promise<void> {
    await this.output(...words);
  }

  private async output(...words: readonly string[]): Promise<string> {
    const args = [join(packageRoot, "lab", "start.mjs"), "--instance", this.instance.name, ...words];
    const { code, stdout } = await this.run(process.execPath, args);
    if (code !== 0) throw new Error(`lab ${words[0]} ended with ${code}, see ${this.log}`);
    return stdout;
  }

  /** The end of what the last command said: a log on another machine is of no use to who reads of the failure. */
  lastWords(): string {
    return this.said.split("\n").slice(-LAST_LINES).join("\n").trimEnd();
  }

  /** A plugin that outlives its engine by more than a moment would work on unseen. */
  private async noOrphans(): Promise<void> {
    const deadline = Date.now() + 10_000;
    const home = this.instance.folder;
    const plugins = () =>
      findByArguments((args) =>
        args.some((arg) => /(^|\/)pulumi-resource-|dist\/provider\/main\.js$/.test(arg)),
      ).filter(({ pid }) => environmentOf(pid).includes(home));
    for (let left = plugins(); left.length > 0; left = plugins()) {
      if (Date.now() > deadline) throw new Error(`plugins without an engine still run: ${left.map(({ pid }) => pid)}`);
      await sleep(100);
    }
  }

  private run(command: string, args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
    const child = spawn(command, args, {
      cwd: packageRoot,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: RUN_SECONDS * 1000,
    });
    const stdout: string[] = [];
    this.said = "";
    const hear = (text: string): void => {
      this.said += text;
      appendFileSync(this.log, text);
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout.push(text);
      hear(text);
    });
    child.stderr.setEncoding("utf8").on("data", hear);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout: stdout.join("") }));
    });
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
}
