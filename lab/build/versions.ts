import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";
import { packageRoot } from "../../components/discovery";
import { type Problem, refuse } from "../../components/problem";
import type { Ticker } from "../ticker";
import { findGo } from "./go";
import { type Recipe, recipes, requirements } from "./recipes";
import { ensureBuilt, type Tools } from "./tools";

/** Versions of Talos and Kubernetes that simulated machines run, as `v1.13.9`. */
export interface Versions {
  readonly talos: readonly string[];
  readonly kubernetes: readonly string[];
}

/**
 * Programs of one version, by version and program. Talos' are called `talos` and hold the rules by which machines of
 * that version judge a configuration.
 */
export type VersionedTools = Readonly<Record<string, Tools>>;

const KUBERNETES = "k8s.io/kubernetes";
const MACHINERY = "github.com/siderolabs/talos/pkg/machinery";
const COMPONENTS = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;

/** Kubernetes versions whose control plane the lab can build; every lab has the last one. */
export const kubernetesVersions: readonly string[] = [
  ...pinsIn(recipes.kubernetes.folder),
  pinned(recipes.kubernetes.folder, KUBERNETES),
];

/** Talos versions whose rules are programs of their own. */
export const ruleVersions: readonly string[] = pinsIn(join("lab", "tools", "talos"));

/** The Talos version whose rules are part of the rig itself. */
const linkedVersion = pinned(recipes.rig.folder, MACHINERY);

/** Problems with versions that machines cannot have in the lab; `path` names where a version was written. */
export function unbuildable(versions: Versions, path: (what: keyof Versions) => string): Problem[] {
  const talos = versions.talos
    .filter((version) => rulesFor(version) === undefined)
    .map((version) => ({
      path: path("talos"),
      reason: `the lab has no machines with Talos ${version}`,
      fix: `take a version of ${[...ruleVersions, linkedVersion].map(minorOf).filter(unique).join(", ")}`,
    }));
  const kubernetes = versions.kubernetes
    .filter((version) => !kubernetesVersions.includes(version))
    .map((version) => ({
      path: path("kubernetes"),
      reason: `the lab cannot build the control plane of Kubernetes ${version}`,
      fix: `take one of ${kubernetesVersions.join(", ")}`,
    }));
  return [...talos, ...kubernetes];
}

/** Versions an upgrade may pass through on its way: those that can be had of each minor between the given ones. */
export function withStepsBetween({ talos, kubernetes }: Versions): Versions {
  return { talos: filled(talos, ruleVersions), kubernetes: filled(kubernetes, kubernetesVersions) };
}

/** Builds what machines of these versions need beside the tools of every lab. */
export async function ensureVersions(
  versions: Versions,
  common: Tools,
  ticker: Ticker,
  signal?: AbortSignal,
): Promise<VersionedTools> {
  refuse(
    "The lab has no such machines.",
    unbuildable(versions, (what) => what),
  );
  const tools: Record<string, Tools> = {};
  const go = { found: undefined as ReturnType<typeof findGo> | undefined };
  const build = (recipe: Recipe) => {
    go.found ??= findGo();
    return ensureBuilt(recipe, go.found, ticker, signal);
  };
  for (const version of versions.kubernetes.filter(unique)) {
    tools[version] = version === kubernetesVersions.at(-1) ? pick(common) : await build(controlPlane(version));
  }
  for (const version of versions.talos.map(rulesFor).filter(unique)) {
    if (version === undefined || version === linkedVersion) continue;
    tools[version] = { ...tools[version], ...(await build(rules(version))) };
  }
  return tools;
}

function controlPlane(version: string): Recipe {
  const { binaries, ...kubernetes } = recipes.kubernetes;
  return {
    ...kubernetes,
    name: `kubernetes-${version}`,
    pins: version,
    binaries: Object.fromEntries(COMPONENTS.map((name) => [name, binaries[name]])),
  };
}

function rules(version: string): Recipe {
  return {
    name: `talos-${version}`,
    folder: join("lab", "tools", "talos"),
    pins: version,
    binaries: { talos: "plinth.dev/lab/tools/talos" },
    stamps: () => ({}),
    ownSources: true,
    spaceGiB: 0.5,
  };
}

function pick(tools: Tools): Tools {
  return Object.fromEntries(COMPONENTS.flatMap((name) => (tools[name] === undefined ? [] : [[name, tools[name]]])));
}

/** The rules that stand for a Talos version: its own, else the newest of its minor. Undefined when there are none. */
function rulesFor(version: string): string | undefined {
  const known = [...ruleVersions, linkedVersion];
  if (known.includes(version)) return version;
  return known.filter((candidate) => minorOf(candidate) === minorOf(version)).at(-1);
}

function filled(asked: readonly string[], known: readonly string[]): string[] {
  const [first, last] = [asked.toSorted(semver.compare)[0], asked.toSorted(semver.compare).at(-1)];
  if (first === undefined || last === undefined) return [];
  const between = known.filter((version) => semver.gt(version, first) && semver.lt(version, last));
  const steps = between.filter((version, index) => minorOf(between[index + 1] ?? "v0.0.0") !== minorOf(version));
  return [...asked, ...steps].filter(unique);
}

/** Module files of a folder that are named after the version they pin, oldest first. */
function pinsIn(folder: string): string[] {
  const files = readdirSync(join(packageRoot, folder)).filter((file) => /^v[\d.]+\.mod$/.test(file));
  return files.map((file) => file.slice(0, -".mod".length)).sort(semver.compare);
}

function pinned(folder: string, module: string): string {
  const version = requirements(readFileSync(join(packageRoot, folder, "go.mod"), "utf8")).get(module);
  if (version === undefined) throw new Error(`${folder}/go.mod does not require ${module}`);
  return version;
}

function minorOf(version: string): string {
  return `v${semver.major(version)}.${semver.minor(version)}`;
}

function unique<T>(value: T, index: number, list: readonly T[]): boolean {
  return list.indexOf(value) === index;
}
