import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../../components/problem";
import type { SitePlan } from "../../components/site/plan";
import type { Tools } from "../build/tools";
import { ensureVersions, type VersionedTools, type Versions, withStepsBetween } from "../build/versions";
import { startDaemon } from "../daemon";
import { type Instance, writeAtomically } from "../instance/instance";
import { firstBusyPort } from "../instance/prepare";
import { findByArguments, type ProcessId, programOf, stop } from "../process";
import type { Ticker } from "../ticker";
import { RackControl } from "./control";
import { leaving, type Machine, rackFor } from "./hardware";

/** Longest wait for the rig to have every machine's Talos API listening, in seconds. */
const READY_SECONDS = 60;

interface RackFile {
  readonly dir: string;
  readonly tools: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  /** What programs in pods need of the software they stand for. @default - nothing */
  readonly materials?: Readonly<Record<string, string>>;
  readonly bootSeconds: number;
  readonly machines: readonly Machine[];
}

/** What {@link startRack} had to do. */
export type RackChange = "already running" | "changed" | "started" | "restarted";

/** What machines are made with: the tools of every lab, and the programs of the versions they run. */
export interface RackTools {
  readonly common: Tools;
  readonly versioned: VersionedTools;
  /** What programs in pods need of the software they stand for: program → folder. @default - nothing */
  readonly materials?: Readonly<Record<string, string>>;
}

/**
 * Makes sure that the site's machines run. The rig is a process of its own that outlives this one. Machines come, go
 * and change while the others run; only another rig program starts it again, which is a power cut to every machine.
 */
export async function startRack(
  instance: Instance,
  plan: SitePlan,
  tools: RackTools,
  netboot?: string,
): Promise<RackChange> {
  const wanted = render(instance, plan, tools, netboot);
  const running = runningRack(instance);
  if (running !== undefined && programOf(running) === realpathSync(toolPath(tools.common, "rig"))) {
    if (readText(instance.at("rig.json")) === wanted) return "already running";
    await rackControl(instance).reload(wanted);
    writeAtomically(instance.at("rig.json"), wanted);
    return "changed";
  }
  if (running !== undefined) await stopRack(instance);
  const busy = await firstBusyPort(plan);
  if (busy !== undefined) {
    throw new ProblemError("The lab's machines cannot start.", [
      {
        path: busy,
        reason: "another program listens there",
        fix: "`ss -ltnp` names it: end it, then run the same command again",
      },
    ]);
  }
  mkdirSync(instance.rig, { recursive: true });
  writeAtomically(instance.at("rig.json"), wanted);
  await launch(instance, toolPath(tools.common, "rig"));
  return running === undefined ? "started" : "restarted";
}

/**
 * Takes machines out of the rack that are no longer the site's and hold nothing any more. One that still runs, because
 * it was not to be wiped, stays as a real one would. Returns the names of those that went.
 */
export async function clearRack(instance: Instance, plan: SitePlan): Promise<string[]> {
  const rack = previousRack(instance);
  const going = leaving(plan, rack?.machines ?? []).map(({ name }) => name);
  if (rack === undefined || going.length === 0 || runningRack(instance) === undefined) return [];
  const control = rackControl(instance);
  const { machines } = await control.status();
  // A wiped machine keeps its installed system, which has no configuration any more.
  const gone = going.filter((name) => machines.find((machine) => machine.name === name)?.stage === "maintenance");
  if (gone.length === 0) return [];
  const left = { ...rack, machines: rack.machines.filter(({ name }) => !gone.includes(name)) };
  const text = `${JSON.stringify(left, undefined, 2)}\n`;
  await control.reload(text);
  writeAtomically(instance.at("rig.json"), text);
  for (const name of gone) rmSync(join(instance.rig, "machines", name), { recursive: true, force: true });
  return gone;
}

/** Stops every machine and the rig. Their disks stay. Returns whether any ran. */
export async function stopRack(instance: Instance): Promise<boolean> {
  const running = runningRack(instance);
  if (running !== undefined) await stop(running);
  rmSync(instance.at("rig", "rig.sock"), { force: true });
  return running !== undefined;
}

/** The rig's process, if it runs. The process table is asked, so there is no pid file to go stale or missing. */
export function runningRack(instance: Instance): ProcessId | undefined {
  return findByArguments((args) => args.includes("serve") && args.at(-1) === instance.at("rig.json"))[0];
}

/** Control of the instance's rig, which must run. */
export function rackControl(instance: Instance): RackControl {
  if (runningRack(instance) === undefined) {
    throw new ProblemError("There are no machines to speak to.", [
      { path: instance.name, reason: "this lab instance is not running", fix: "start it with: npm run lab" },
    ]);
  }
  return new RackControl(instance.at("rig", "rig.sock"));
}

/**
 * Builds the programs of every version that the site's machines run now or come to run: those of the site file, those
 * they already have, and the steps between, which an upgrade takes one by one.
 */
export async function rackTools(
  instance: Instance,
  plan: SitePlan,
  common: Tools,
  ticker: Ticker,
  signal?: AbortSignal,
): Promise<RackTools> {
  const present = previousRack(instance);
  const had = (program: string): readonly string[] => {
    const versions = present?.tools[program];
    return typeof versions === "object" ? Object.keys(versions) : [];
  };
  const wanted: Versions = {
    talos: [plan.talos.version, ...had("talos"), ...(present?.machines ?? []).map((machine) => machine.talos)],
    kubernetes: [plan.kubernetes.version, ...had("kube-apiserver")],
  };
  return { common, versioned: await ensureVersions(withStepsBetween(wanted), common, ticker, signal) };
}

function render(
  instance: Instance,
  plan: SitePlan,
  { common, versioned, materials }: RackTools,
  netboot: string | undefined,
): string {
  const present = previousRack(instance)?.machines ?? [];
  const byVersion = (program: string) =>
    Object.fromEntries(
      Object.entries(versioned).flatMap(([version, tools]) => {
        const tool = tools[program];
        return tool === undefined ? [] : [[version, tool.path]];
      }),
    );
  const file: RackFile = {
    dir: instance.rig,
    tools: {
      etcd: toolPath(common, "etcd"),
      ...Object.fromEntries(CONTROL_PLANE.map((program) => [program, byVersion(program)])),
      kwok: toolPath(common, "kwok"),
      talos: byVersion("talos"),
    },
    ...(materials !== undefined && { materials }),
    bootSeconds: 1,
    machines: [...rackFor(plan, present, netboot), ...leaving(plan, present)],
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

const CONTROL_PLANE = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

function previousRack(instance: Instance): RackFile | undefined {
  const text = readText(instance.at("rig.json"));
  return text === undefined ? undefined : (JSON.parse(text) as RackFile);
}

async function launch(instance: Instance, rig: string): Promise<void> {
  const logFile = instance.at("rig.log");
  const args = ["serve", "--config", instance.at("rig.json")];
  const ended = await startDaemon({
    ...{ program: rig, args, cwd: instance.rig, logFile },
    ...{ ready: '"ready":true', seconds: READY_SECONDS },
  });
  if (ended === "ready") return;
  await stopRack(instance);
  throw notReady(logFile, ended === "ended");
}

function notReady(logFile: string, dead: boolean): ProblemError {
  const lines = readFileSync(logFile, "utf8").trim().split("\n");
  const text = lines.slice(-8).join("\n");
  const fix = /no space left on device/.test(text)
    ? "the disk is full: make room and run the same command again"
    : /address already in use/.test(text)
      ? "`ss -ltnp` names the program that has the port: end it and run the same command again"
      : `read ${logFile}; \`npm run lab -- reset\` begins anew`;
  const reason = dead ? "the rig ended at once" : `the machines did not boot within ${READY_SECONDS} s`;
  return new ProblemError(`The lab's machines did not start.\n${text}`, [{ path: "rig", reason, fix }]);
}

function toolPath(tools: Tools, name: string): string {
  const tool = tools[name];
  if (tool === undefined) throw new Error(`the tool ${name} is not part of any recipe`);
  return tool.path;
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
