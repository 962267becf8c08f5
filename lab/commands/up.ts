import { setTimeout as sleep } from "node:timers/promises";
import type { OutputMap } from "@pulumi/pulumi/automation";
import { recoverStack } from "../../cli/commands/recover";
import { refuse } from "../../components/problem";
import type { SitePlan } from "../../components/site/plan";
import { ensureTools, type Tools } from "../build/tools";
import { ensureCharts, offerCharts } from "../charts/charts";
import { type EngineOptions, openStack, readState } from "../engine/engine";
import { installPlugins, pulumiHome } from "../engine/plugins";
import type { Report } from "../engine/report";
import { type EngineRun, type Operation, type RunOptions, runEngine } from "../engine/run";
import { type Instance, PROJECT, STACK, writeAtomically } from "../instance/instance";
import { prepare } from "../instance/prepare";
import { resolveClaims } from "../rack/addresses";
import { type BootAccess, startBootServer } from "../rack/boot";
import { startNetBox } from "../rack/netbox";
import { clearRack, type RackTools, rackControl, rackTools, startRack } from "../rack/rack";
import { type Ingredients, writeIngredients } from "../status/ingredients";

/** Settings of the commands that run the engine. */
export interface UpOptions extends RunOptions, EngineOptions {
  /** Stack file to use from now on. @default - the one the instance was made from, first the lab's own */
  readonly stackFile?: string;
}

/** An instance whose tools, files and machines are in place, and the work that is left for the engine. */
export interface Ready {
  readonly plan: SitePlan;
  readonly tools: Tools;
  readonly ingredients: Ingredients;
  /** Where the engine finds the instance's NetBox, boot server and helm, when the site needs them. */
  readonly env: Readonly<Record<string, string>>;
}

/** Brings the site of an instance up, or changes it to what its stack file says now. */
export async function up(instance: Instance, options: UpOptions): Promise<{ report: Report; ready: Ready }> {
  const ready = await makeReady(instance, options);
  // A preview is what notices it, and this engine makes none of its own before an update.
  if (await hasLostState(instance)) await operate(instance, "preview", ready, options);
  const { report, outputs } = await operate(instance, "up", ready, options);
  keepAccess(instance, outputs);
  const gone = await clearRack(instance, ready.plan);
  if (gone.length > 0) options.ticker.line(`machines: ${gone.join(", ")} taken out of the rack`);
  return { report, ready };
}

/** Shows what an `up` would change. Before the first `up` no machine is needed for that, so none is switched on. */
export async function preview(instance: Instance, options: UpOptions): Promise<Report> {
  const ready = await makeReady(instance, options, (readState(instance)?.resources ?? []).length > 0);
  return (await operate(instance, "preview", ready, options)).report;
}

/** Deletes what the engine made, machines' contents included when the site file says so. The instance stays. */
export async function destroy(instance: Instance, options: UpOptions): Promise<Report> {
  const ready = await makeReady(instance, options);
  return (await operate(instance, "destroy", ready, options)).report;
}

/** Machines that were set up by an engine which knows nothing of them any more. */
async function hasLostState(instance: Instance): Promise<boolean> {
  if ((readState(instance)?.resources ?? []).length > 0) return false;
  return (await rackControl(instance).status()).machines.some(({ installed }) => installed);
}

async function makeReady(instance: Instance, options: UpOptions, machines = true): Promise<Ready> {
  const { ticker, signal } = options;
  // A wrong site file is refused before anything is built or started.
  const declared = await prepare(instance, options.stackFile);
  const tools = await ensureTools(ticker, signal);
  const charts = await ensureCharts(instance, declared, ticker, signal);
  if (charts !== undefined) offerCharts(charts);
  const plugins = installPlugins(pulumiHome(instance), tools);
  const ingredients =
    charts === undefined
      ? { tools, plugins }
      : { tools: { ...tools, helm: charts.helm }, plugins, charts: charts.origins };
  writeIngredients(instance, ingredients);
  const netbox = await startNetBox(instance, declared);
  const plan = machines ? await resolveClaims(instance, declared, netbox) : declared;
  const boot = await startBootServer(instance, plan);
  if (machines) {
    const rack = await rackTools(instance, plan, tools, ticker, signal);
    const withMaterials = { ...rack, ...(charts !== undefined && { materials: charts.materials }) };
    await switchOn(instance, plan, { tools: withMaterials, boot }, options);
  }
  signal.throwIfAborted();
  const env = {
    ...(netbox !== undefined && { PLINTH_NETBOX_URL: netbox.url, PLINTH_NETBOX_TOKEN: netbox.token }),
    ...boot?.env,
    ...(charts !== undefined && { PLINTH_HELM: charts.helm.path }),
  };
  return { plan, tools, ingredients, env };
}

async function switchOn(
  instance: Instance,
  plan: SitePlan,
  { tools, boot }: { readonly tools: RackTools; readonly boot: BootAccess | undefined },
  { ticker, signal }: UpOptions,
): Promise<void> {
  const change = await ticker.during(
    () => "switching the machines on",
    () => startRack(instance, plan, tools, boot?.script),
  );
  if (change === "already running") return;
  ticker.line(`machines: ${plan.nodes.length} ${change}`);
  await ticker.during(
    () => "waiting for installed machines to be back",
    () => settled(instance, signal),
  );
}

async function operate(instance: Instance, operation: Operation, ready: Ready, options: UpOptions): Promise<EngineRun> {
  if (operation !== "preview") recover(instance, options);
  const stack = await options.ticker.during(
    () => "opening the stack",
    () => openStack(instance, ready.tools, { env: { ...ready.env, ...options.env } }),
  );
  return runEngine(stack, operation, options);
}

/** Clears what an engine that was killed left behind; this instance is ours alone, so nobody else's work is touched. */
function recover(instance: Instance, { ticker }: UpOptions): void {
  const { done, held } = recoverStack({ backend: instance.at("state"), project: PROJECT, stack: STACK });
  for (const sentence of done) ticker.line(sentence);
  refuse(
    "Nothing was changed.",
    held.map((reason) => ({ path: instance.name, reason, fix: "run the same command again after that" })),
  );
}

/** Longest wait for machines that were running before to run again, in seconds. */
const SETTLE_SECONDS = 60;

/**
 * Waits until machines that had been installed run again and their API servers answer, so that the engine does not meet
 * a rack that is still booting. When it takes too long the engine finds out itself what is wrong.
 */
async function settled(instance: Instance, signal: AbortSignal): Promise<void> {
  const control = rackControl(instance);
  for (
    const deadline = Date.now() + SETTLE_SECONDS * 1000;
    Date.now() < deadline && !signal.aborted;
    await sleep(100)
  ) {
    const { machines, clusters } = await control.status();
    const on = machines.filter((machine) => machine.power === "on");
    const booted = on.every((machine) => !machine.installed || machine.stage === "running");
    const serving = (clusters ?? []).every((cluster) => cluster.quorum && (cluster.apiservers ?? []).length > 0);
    if (booted && serving) return;
  }
}

/** Leaves the site's access files in the instance for kubectl and talosctl. */
function keepAccess(instance: Instance, outputs: OutputMap): void {
  for (const [name, path] of [
    ["kubeconfig", instance.kubeconfig],
    ["talosconfig", instance.talosconfig],
  ] as const) {
    const value: unknown = outputs[name]?.value;
    if (typeof value === "string") writeAtomically(path, value);
  }
}
