import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { LocalWorkspace, PulumiCommand, type PulumiFn, type Stack } from "@pulumi/pulumi/automation";
import { stringify } from "yaml";
import { packageRoot } from "../components/discovery";
import { ensureTools, type Tools } from "../lab/build/tools";
import { reset } from "../lab/commands/down";
import { up } from "../lab/commands/up";
import { callDirectly } from "../lab/engine/direct";
import { openStack } from "../lab/engine/engine";
import { installPlugins, pulumiHome } from "../lab/engine/plugins";
import { packFolder } from "../lab/engine/run";
import { Instance } from "../lab/instance/instance";
import { prepare } from "../lab/instance/prepare";
import { Ticker } from "../lab/ticker";
import { measureAddresses } from "./address";
import { measureBoot } from "./boot";
import { compare, compareAll } from "./compare";
import { measureLicences } from "./licence";
import { echoingKubernetes, emptyPacks, POLICY_RESOURCES, platformProgram } from "./policies";
import type { Row } from "./row";
import { bareProgram, type Weight, weigh } from "./shape";
import { siteOf } from "./site";

const SIZES = [5, 50, 200];

/**
 * Measures what plinth costs on top of the engine: sites of several sizes against a bare program with as many resources,
 * the same dependencies and inputs of the same size. Medians of interleaved runs; the ratio is what counts. Numbers of
 * machines, `policies`, `address`, `boot` and `licence` choose what is measured.
 */
async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const sizes = wanted.map(Number).filter((size) => size > 0);
  callDirectly();
  const ticker = new Ticker();
  const work = mkdtempSync(path.join(tmpdir(), "plinth-bench-"));
  const rows: Row[] = [];
  try {
    const tools = await ensureTools(ticker);
    for (const machines of wanted.length > 0 ? sizes : SIZES)
      rows.push(...(await measureSite(machines, tools, work, ticker)));
    if (wanted.length === 0 || wanted.includes("policies")) rows.push(...(await measurePolicies(tools, work, ticker)));
    if (wanted.length === 0 || wanted.includes("address")) rows.push(...(await measureAddresses(ticker)));
    if (wanted.length === 0 || wanted.includes("boot")) rows.push(...(await measureBoot(ticker)));
    if (wanted.length === 0 || wanted.includes("licence")) rows.push(...(await measureLicences()));
  } finally {
    ticker.close();
    rmSync(work, { recursive: true, force: true });
  }
  print(rows);
  keep(rows);
}

/** What was measured takes the place of rows with the same names in the results; the others stay. */
function keep(rows: readonly Row[]): void {
  if (rows.length === 0) return;
  const file = path.join(packageRoot, "bench/results.json");
  const before: Row[] = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
  const measured = new Map(rows.map((row) => [row.name, row]));
  const kept = before.map((row) => measured.get(row.name) ?? row);
  const added = rows.filter(({ name }) => !before.some((row) => row.name === name));
  writeFileSync(file, `${JSON.stringify([...kept, ...added], undefined, 2)}\n`);
  console.log(`wrote ${rows.length} rows into bench/results.json`);
}

async function measureSite(machines: number, tools: Tools, work: string, ticker: Ticker): Promise<Row[]> {
  const stackFile = path.join(work, `site-${machines}.yaml`);
  writeFileSync(stackFile, stringify({ config: { "plinth:site": siteOf(machines, "127.99.0") } }));
  const running = new Instance(`bench-${machines}`);
  const empty = new Instance(`bench-${machines}-empty`);
  const { signal } = new AbortController();
  try {
    const { report } = await up(running, { ticker, signal, stackFile, env: FAST });
    ticker.line(`${machines} machines: ${report.changed} resources are up`);
    const site = await openStack(running, tools, { env: FAST });
    const deployment = (await site.exportStack()).deployment;
    const weights = weigh(deployment.resources);

    await prepare(empty, stackFile);
    installPlugins(pulumiHome(empty), tools);
    const fresh = await openStack(empty, tools, { env: FAST });
    const bare = await bareStack(weights, tools, path.join(work, `bare-${machines}`));
    const preview = await compare(
      `${machines} machines, first preview`,
      () => fresh.preview(),
      () => bare.preview(),
      ticker,
    );
    await bare.up();
    const noop = await compare(
      `${machines} machines, nothing to change`,
      () => site.preview(),
      () => bare.preview(),
      ticker,
    );
    const bytes = Buffer.byteLength(JSON.stringify(deployment));
    return [
      { name: `preview/${machines}`, unit: "s", ...preview },
      { name: `noop/${machines}`, unit: "s", ...noop },
      {
        name: `state/bytes-per-resource/${machines}`,
        value: Math.round(bytes / deployment.resources.length),
        unit: "B",
      },
    ];
  } finally {
    for (const instance of [running, empty]) await reset(instance, ticker);
  }
}

/**
 * A preview of a platform in a running lab with the policy pack, against the same preview without it; and the same on a
 * provider that only echoes, where every call that the engine makes to a pack counts the most. There packs without a single
 * rule run as well, on plinth's server and on the official SDK's: what the engine asks of any pack.
 */
async function measurePolicies(tools: Tools, work: string, ticker: Ticker): Promise<Row[]> {
  const analyzers = [{ name: "policy-nodejs", path: path.join(packageRoot, "policies/bin") }];
  const under = (where: string, stack: Stack, packs: Readonly<Record<string, string>>) => {
    const works = Object.entries(packs).map(([name, folder]) => [name, () => stack.preview({ policyPacks: [folder] })]);
    const what = `${POLICY_RESOURCES} resources ${where} under a policy pack`;
    return compareAll(what, Object.fromEntries(works), () => stack.preview(), ticker);
  };
  const rows = (name: string, found: Awaited<ReturnType<typeof under>>): Row[] =>
    Object.entries(found).flatMap(([pack, { time, cpu }]) => [
      { name: `policies/${POLICY_RESOURCES}/${name}/${pack}`, unit: "s", ...time },
      { name: `policies/${POLICY_RESOURCES}/${name}/${pack}/cpu`, unit: "s", ...cpu },
    ]);
  const plugins = { providers: [{ name: "kubernetes", path: echoingKubernetes(work) }], analyzers };
  const echo = await emptyStack(platformProgram(), plugins, tools, path.join(work, "policies-echo"));
  const onEcho = rows("echo", await under("that echo", echo, { plinth: packFolder, ...emptyPacks(work) }));

  const stackFile = path.join(work, "site-policies.yaml");
  writeFileSync(stackFile, stringify({ config: { "plinth:site": siteOf(5, "127.99.0") } }));
  const lab = new Instance("bench-policies");
  const { signal } = new AbortController();
  try {
    await up(lab, { ticker, signal, stackFile, env: FAST });
    const program = platformProgram(readFileSync(lab.kubeconfig, "utf8"));
    const folder = path.join(work, "policies");
    const inLab = await emptyStack(program, { analyzers }, tools, folder, pulumiHome(lab));
    return [...onEcho, ...rows("lab", await under("in the lab", inLab, { plinth: packFolder }))];
  } finally {
    await reset(lab, ticker);
  }
}

/** Checkpoints are the file backend's price for every step and no part of a preview; the set-up goes without. */
const FAST = { PULUMI_SKIP_CHECKPOINTS: "true" };

/** A stack of the bare program on a file backend of its own. */
function bareStack(weights: readonly Weight[], tools: Tools, folder: string): Promise<Stack> {
  const plugins = { providers: [{ name: "bench", path: path.join(packageRoot, "bench/trivial") }] };
  return emptyStack(bareProgram(weights), plugins, tools, folder);
}

/** A stack on a file backend of its own. */
async function emptyStack(
  program: PulumiFn,
  plugins: object,
  tools: Tools,
  folder: string,
  home = path.join(folder, "home"),
): Promise<Stack> {
  const pulumi = tools.pulumi?.path ?? "pulumi";
  const state = path.join(folder, "state");
  mkdirSync(state, { recursive: true });
  writeFileSync(path.join(folder, "Pulumi.yaml"), stringify({ name: "bench", runtime: "nodejs", plugins }));
  return LocalWorkspace.createOrSelectStack(
    { stackName: "bare", projectName: "bench", program },
    {
      pulumiHome: home,
      pulumiCommand: await PulumiCommand.get({ root: commandRoot(pulumi, folder) }),
      workDir: folder,
      envVars: {
        ...FAST,
        PULUMI_BACKEND_URL: `file://${state}`,
        PULUMI_CONFIG_PASSPHRASE: "bench",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      },
    },
  );
}

/** The Automation API wants the engine at `<root>/bin/pulumi`. */
function commandRoot(pulumi: string, folder: string): string {
  const root = path.join(folder, "engine");
  mkdirSync(path.join(root, "bin"), { recursive: true });
  symlinkSync(pulumi, path.join(root, "bin", "pulumi"));
  return root;
}

function print(rows: readonly Row[]): void {
  console.log(["measure".padEnd(32), "value".padStart(10), "unit".padEnd(5), "ratio"].join("  "));
  for (const { name, value, unit, ratio } of rows) {
    console.log([name.padEnd(32), String(value).padStart(10), unit.padEnd(5), ratio ?? ""].join("  "));
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
