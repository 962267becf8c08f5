import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseDocument } from "yaml";
import { packageRoot } from "../../components/discovery";
import { bootServer } from "../../provider/boot/client";
import type { BootServer } from "../../provider/boot/server";
import { ensureTools } from "../build/tools";
import { openStack } from "../engine/engine";
import { Instance } from "../instance/instance";
import { prepare } from "../instance/prepare";
import { cacheRoot } from "../places";
import { killBootServer, startBootServer } from "../rack/boot";
import type { RackStatus } from "../rack/control";
import { startNetBox } from "../rack/netbox";
import { rackControl } from "../rack/rack";
import { Ticker } from "../ticker";

/** Longest time one command may take, in seconds. */
const COMMAND_SECONDS = 1800;

type Machine = RackStatus["machines"][number];

/** A lab whose machines boot over the network from empty disks, by the same commands that a person uses. */
export class BootStand {
  readonly instance: Instance;
  /** The site file that `up` uses. */
  readonly file: string;
  /** Where the output of every command is kept. */
  readonly log: string;
  private readonly folder: string;

  constructor(name: string) {
    this.instance = new Instance(name);
    this.folder = join(cacheRoot(), name);
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
    this.file = join(this.folder, "Pulumi.lab-boot.yaml");
    this.log = join(this.folder, "lab.log");
    writeFileSync(this.file, readFileSync(join(packageRoot, "stacks", "Pulumi.lab-boot.yaml")));
  }

  /** Changes the site file as a person would. */
  edit(path: readonly string[], value: unknown): void {
    const document = parseDocument(readFileSync(this.file, "utf8"));
    document.setIn(["config", "plinth:site", ...path], value);
    writeFileSync(this.file, document.toString({ lineWidth: 0 }));
  }

  up(): Promise<Ended> {
    return this.lab("up", "--site", this.file);
  }

  /** A command of the lab that has to succeed. */
  async must(...words: readonly string[]): Promise<string> {
    const { ok, output } = await this.lab(...words);
    if (!ok) throw new Error(`lab ${words.join(" ")} failed, see ${this.log}:\n${output.slice(-2000)}`);
    return output;
  }

  /** Ends everything, and leaves nothing but the log of a failure. */
  async reset(): Promise<void> {
    await this.lab("reset");
  }

  async machine(name: string): Promise<Machine> {
    const found = (await this.machines()).find((machine) => machine.name === name);
    if (found === undefined) throw new Error(`there is no machine ${name}`);
    return found;
  }

  async machines(): Promise<readonly Machine[]> {
    return (await rackControl(this.instance).status()).machines;
  }

  /** How often an installer has written each machine's disk. */
  async installs(): Promise<Readonly<Record<string, number>>> {
    return Object.fromEntries((await this.machines()).map(({ name, installs }) => [name, installs]));
  }

  /** Address of each machine, as its DHCP server has it. */
  async addresses(): Promise<Readonly<Record<string, string>>> {
    return Object.fromEntries((await this.machines()).map(({ name, address }) => [name, address]));
  }

  async cycle(name: string): Promise<void> {
    await rackControl(this.instance).power(name, "cycle");
  }

  /** Puts empty disks into a machine whose next installation is cut off by a power loss. */
  async emptyDisksAndCut(name: string): Promise<void> {
    await rackControl(this.instance).wipe(name);
    await rackControl(this.instance).fault(name, "install-cut", {});
  }

  async allRun(): Promise<void> {
    const rest = async () => (await this.machines()).filter(({ stage }) => stage !== "running").map(({ name }) => name);
    await this.until("every machine runs", 180, async () => (await rest()).length === 0);
  }

  async until(what: string, seconds: number, look: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(300)) if (await look()) return;
    const stages = (await this.machines()).map(({ name, stage }) => `${name} ${stage}`).join(", ");
    throw new Error(`${what}: not within ${seconds} s (${stages})`);
  }

  /** The boot server, started if it does not run. */
  async server(): Promise<{ readonly url: string; readonly client: BootServer }> {
    const found = await startBootServer(this.instance, await prepare(this.instance));
    if (found === undefined) throw new Error("the site boots over the network");
    const { PLINTH_BOOT_URL: url = "", PLINTH_BOOT_TOKEN: token = "" } = found.env;
    return { url: found.script.replace("/boot.ipxe", ""), client: bootServer({ url, token }) };
  }

  /** Ends the boot server in the middle of whatever it does. */
  async killServer(): Promise<void> {
    await killBootServer(this.instance);
  }

  /** `pulumi refresh`. */
  async refresh(): Promise<void> {
    const plan = await prepare(this.instance);
    const tools = await ensureTools(new Ticker(), new AbortController().signal);
    const netbox = await startNetBox(this.instance, plan);
    const boot = await startBootServer(this.instance, plan);
    const env = {
      ...boot?.env,
      ...(netbox !== undefined && { PLINTH_NETBOX_URL: netbox.url, PLINTH_NETBOX_TOKEN: netbox.token }),
    };
    const stack = await openStack(this.instance, tools, { env });
    await stack.refresh({ onOutput: (text) => appendFileSync(this.log, text) });
  }

  loseRecords(): void {
    rmSync(this.instance.at("boot", "state"), { recursive: true, force: true });
  }

  /** The boot server's audit log. */
  audit(): readonly Readonly<Record<string, unknown>>[] {
    return readFileSync(this.instance.at("boot", "audit.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  /** Answers every machine with one old script in place of the boot server, while `work` is done. */
  async replaying(script: string, work: () => Promise<void>): Promise<void> {
    const { hostname, port } = new URL((await this.server()).url);
    await this.killServer();
    const impostor = createServer(({ url = "" }, response) => {
      response.end(url.startsWith("/image/") ? "stands for a file\n" : script);
    });
    await new Promise<void>((resolve, reject) => {
      impostor.once("error", reject);
      impostor.listen(Number(port), hostname, resolve);
    });
    try {
      await work();
    } finally {
      impostor.closeAllConnections();
      await new Promise((resolve) => impostor.close(resolve));
      await this.server();
    }
  }

  /** What the site asks of a machine that boots. */
  async plan(name: string) {
    const node = (await prepare(this.instance)).nodes.find(({ key }) => key === name);
    if (node?.boot === undefined) throw new Error(`${name} does not boot over the network`);
    return { mac: node.mac, ...node.boot };
  }

  private lab(...words: readonly string[]): Promise<Ended> {
    const args = [join(packageRoot, "lab", "start.mjs"), "--instance", this.instance.name, ...words];
    const child: ChildProcess = spawn(process.execPath, args, {
      cwd: packageRoot,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
      timeout: COMMAND_SECONDS * 1000,
    });
    let output = "";
    const gather = (data: Buffer): void => {
      output += data.toString();
      appendFileSync(this.log, data);
    };
    child.stdout?.on("data", gather);
    child.stderr?.on("data", gather);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ ok: code === 0, output }));
    });
  }
}

/** How a command ended. */
export interface Ended {
  readonly ok: boolean;
  readonly output: string;
}
