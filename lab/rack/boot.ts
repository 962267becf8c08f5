import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateSigningKey } from "../../components/boot/permission";
import { packageRoot } from "../../components/discovery";
import type { SitePlan } from "../../components/site/plan";
import { notStarted, startDaemon } from "../daemon";
import { type Instance, writeAtomically } from "../instance/instance";
import { findByArguments, isAlive, type ProcessId, stop } from "../process";

/** Longest wait for the server to listen, in seconds. */
const READY_SECONDS = 30;
const PORT = 8080;

/** Where the instance's boot server is, for machines and for plinth. */
export interface BootAccess {
  /** Script that the machines' firmware loads. */
  readonly script: string;
  /** What the provider finds it by. */
  readonly env: Readonly<Record<string, string>>;
}

/** The instance's boot server if a machine of the site boots over the network: started when it does not run. */
export async function startBootServer(instance: Instance, plan: SitePlan): Promise<BootAccess | undefined> {
  if (plan.nodes.every(({ boot }) => boot === undefined)) return undefined;
  const settings = settle(instance);
  writeImages(instance, plan);
  if (runningBootServer(instance) === undefined) await launch(instance, settings);
  return {
    script: `http://${settings.host}:${PORT}/boot.ipxe`,
    env: {
      PLINTH_BOOT_URL: `http://${settings.host}:${PORT + 1}`,
      PLINTH_BOOT_TOKEN: settings.token,
      PLINTH_BOOT_KEY: settings.privateKey,
    },
  };
}

/** Ends the instance's boot server; what it knows stays. */
export async function stopBootServer(instance: Instance): Promise<void> {
  const running = runningBootServer(instance);
  if (running !== undefined) await stop(running);
}

/** Ends the instance's boot server wherever it is, as a power loss would. */
export async function killBootServer(instance: Instance): Promise<void> {
  const running = runningBootServer(instance);
  if (running === undefined) return;
  process.kill(running.pid, "SIGKILL");
  while (isAlive(running)) await sleep(20);
}

function runningBootServer(instance: Instance): ProcessId | undefined {
  return findByArguments((args) => args.includes("serve") && args.at(-1) === instance.at("boot", "token"))[0];
}

interface Settings {
  readonly host: string;
  readonly token: string;
  readonly privateKey: string;
}

/** Decided once: an address of the instance's network that no machine has, a token and a key of its own. */
function settle(instance: Instance): Settings {
  const path = instance.at("boot", "settings.json");
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Settings;
  const { privateKey, publicKey } = generateSigningKey();
  const host = `${instance.read()?.subnet ?? "127.0.0"}.253`;
  const settings: Settings = { host, token: randomBytes(20).toString("hex"), privateKey };
  mkdirSync(instance.at("boot"), { recursive: true, mode: 0o700 });
  writeFileSync(instance.at("boot", "trust.pem"), publicKey);
  writeFileSync(instance.at("boot", "token"), settings.token, { mode: 0o600 });
  writeAtomically(path, JSON.stringify(settings));
  return settings;
}

/** Simulated machines load kernel and initramfs and look at their names only. */
function writeImages(instance: Instance, plan: SitePlan): void {
  for (const { boot } of plan.nodes) {
    for (const url of boot === undefined ? [] : [boot.image.kernel, boot.image.initramfs]) {
      const file = instance.at("boot", "images", ...new URL(url).pathname.replace(/^\/image\//, "").split("/"));
      mkdirSync(join(file, ".."), { recursive: true });
      writeFileSync(file, "stands for a file of the Image Factory\n");
    }
  }
}

async function launch(instance: Instance, { host }: Settings): Promise<void> {
  const logFile = instance.at("boot.log");
  const at = (name: string) => instance.at("boot", name);
  const places = ["--machines", `${host}:${PORT}`, "--operators", `${host}:${PORT + 1}`];
  const files = [
    "--state",
    at("state"),
    "--log",
    at("audit.jsonl"),
    "--trust",
    at("trust.pem"),
    "--images",
    at("images"),
  ];
  const args = ["boot", "serve", ...places, ...files, "--token-file", at("token")];
  const main = join(packageRoot, "dist", "cli", "main.js");
  const ended = await startDaemon({
    ...{ program: process.execPath, args: [main, ...args], cwd: instance.folder, logFile },
    ...{ ready: "machines ask at", seconds: READY_SECONDS },
  });
  if (ended === "ready") return;
  await stopBootServer(instance);
  throw notStarted("boot server", "boot", ended, logFile);
}
