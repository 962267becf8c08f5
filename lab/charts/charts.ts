import { createHash } from "node:crypto";
import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../components/discovery";
import { ProblemError } from "../../components/problem";
import { archiveName, versions } from "../../components/release/versions";
import type { SitePlan } from "../../components/site/plan";
import { ensureTools, type Tool } from "../build/tools";
import { type Instance, writeAtomically } from "../instance/instance";
import type { Ticker } from "../ticker";
import { operators } from "./operators";
import { copied, joined, type Packing, packed } from "./pack";

/** A chart, or a plain file of CRDs, and what the lab has it from. */
export interface ChartOrigin {
  readonly name: string;
  readonly version: string;
  /** The user's own archive, the Go module that ships the same chart, or a chart of the lab with the same objects. */
  readonly from: "yours" | "module" | "stand-in";
}

/** Everything a platform needs in the lab beside the tools of every lab. */
export interface LabCharts {
  readonly origins: readonly ChartOrigin[];
  /** Folder of every archive, as `PLINTH_CHARTS_DIR` names one. */
  readonly folder: string;
  /** File with the digests of archives that are not the published ones, byte by byte. */
  readonly digests: string;
  readonly helm: Tool;
  /** What programs in pods need of the software they stand for: program → folder. */
  readonly materials: Readonly<Record<string, string>>;
}

/** Charts of the user; read once, because the stack program is told of the lab's own folder in the same way. */
const own = process.env.PLINTH_CHARTS_DIR;

/** Brings together what the platform of a site needs; undefined for a site that has none. */
export async function ensureCharts(
  instance: Instance,
  plan: SitePlan,
  ticker: Ticker,
  signal?: AbortSignal,
  folderOfUser = own,
): Promise<LabCharts | undefined> {
  const services = plan.platform?.services ?? [];
  if (services.length === 0) return undefined;
  const { helm } = await ensureTools(ticker, signal, ["helm"]);
  if (helm === undefined) throw new Error("the recipe helm brings no helm");
  const packing: Packing = { helm: helm.path, ...(signal && { signal }) };
  const folder = instance.at("charts");
  // It appears whole: a chart that nobody has leaves the last folder as it is.
  const work = `${folder}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const digests: Record<string, string> = {};
  const take = (file: string, name: string): void => {
    place(file, join(work, name));
    digests[name] = `sha256:${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
  };
  const found = async (name: string, file: string, version: string, make: () => Promise<Made | undefined>) => {
    const users = folderOfUser === undefined ? undefined : join(folderOfUser, file);
    if (users !== undefined && existsSync(users)) {
      place(users, join(work, file));
      return { name, version, from: "yours" as const };
    }
    const made = await ticker.during(() => `charts: ${name} ${version}`, make);
    if (made === undefined) throw missing(name, file);
    take(made.file, file);
    return { name, version, from: made.from };
  };
  const names = services.flatMap(({ chart }) => chart?.name ?? []);
  const origins: ChartOrigin[] = [];
  for (const name of names) {
    const version = versions().charts[name]?.version ?? "";
    origins.push(await found(name, archiveName(name, version), version, () => makeChart(name, packing)));
  }
  for (const name of services.flatMap(({ manifests = [] }) => manifests)) {
    const version = versions().manifests[name]?.version ?? "";
    origins.push(await found(name, `${name}-${version}.yaml`, version, () => makeManifest(name, packing)));
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(work, folder);
  const list = instance.at("charts.json");
  writeAtomically(list, `${JSON.stringify(digests, undefined, 2)}\n`);
  const materials: Record<string, string> = {};
  for (const name of names) {
    const operator = operators[name];
    const module = versions().charts[name]?.module;
    if (operator === undefined || module === undefined) continue;
    materials[operator.program] = await copied(`${name}-crds`, { ...module, folders: operator.crds }, packing);
  }
  return { origins, folder, digests: list, helm, materials };
}

interface Made {
  readonly file: string;
  readonly from: "module" | "stand-in";
}

async function makeChart(name: string, packing: Packing): Promise<Made | undefined> {
  const pin = versions().charts[name];
  if (pin?.module !== undefined) {
    return { from: "module", file: await packed(name, pin.version, { module: pin.module }, packing) };
  }
  const folder = join(packageRoot, "lab", "charts", name);
  if (pin === undefined || !existsSync(folder)) return undefined;
  return { from: "stand-in", file: await packed(name, pin.version, { folder }, packing) };
}

async function makeManifest(name: string, packing: Packing): Promise<Made | undefined> {
  const module = versions().manifests[name]?.module;
  return module === undefined ? undefined : { from: "module", file: await joined(name, module, packing) };
}

function missing(name: string, file: string): ProblemError {
  return new ProblemError("Nothing was changed.", [
    {
      path: `platform.${name}`,
      reason: "the lab has no chart of it: no Go module ships it, and nothing stands in for it",
      fix: `put ${file} into a folder and name that in PLINTH_CHARTS_DIR`,
    },
  ]);
}

function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // Another file system, or a file of another user.
    copyFileSync(from, to);
  }
}

/** Tells the stack program, which runs in this process, where its charts are. */
export function offerCharts({ folder, digests }: LabCharts, env: NodeJS.ProcessEnv = process.env): void {
  env.PLINTH_CHARTS_DIR = folder;
  env.PLINTH_CHARTS_DIGESTS = digests;
}
