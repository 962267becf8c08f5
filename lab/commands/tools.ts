import { dirname } from "node:path";
import { everyLab, type RecipeName, recipes } from "../build/recipes";
import { ensureTools, type Tool } from "../build/tools";
import { ensureVersions, kubernetesVersions, ruleVersions, type Versions } from "../build/versions";
import type { Ticker } from "../ticker";

/**
 * Builds the tools of every lab and, when a module is named, returns where its binaries are: a folder, or for `talos`
 * the program of each version as `version=path,…`. `kubernetes-v1.35.4` is the control plane of that version.
 */
export async function buildTools(
  ticker: Ticker,
  signal: AbortSignal,
  module: string | undefined,
): Promise<string | undefined> {
  const asked = module !== undefined && module in recipes ? [module as RecipeName] : [];
  const tools = await ensureTools(ticker, signal, [...new Set([...everyLab, ...asked])]);
  if (module === undefined) return undefined;
  const versioned = (wanted: Versions) => ensureVersions(wanted, tools, ticker, signal);
  if (module === "talos") {
    const rules = await versioned({ talos: ruleVersions, kubernetes: [] });
    return Object.entries(rules)
      .map(([version, { talos }]) => `${version}=${talos?.path}`)
      .join(",");
  }
  const version = kubernetesVersions.find((known) => module === `kubernetes-${known}`);
  if (version !== undefined) {
    const controlPlane = (await versioned({ talos: [], kubernetes: [version] }))[version];
    return folderOf(controlPlane?.["kube-apiserver"], module);
  }
  const first = Object.entries(recipes).find(([name]) => name === module)?.[1].binaries ?? {};
  return folderOf(tools[Object.keys(first)[0] ?? ""], module);
}

function folderOf(tool: Tool | undefined, module: string): string {
  if (tool !== undefined) return dirname(tool.path);
  const known = [...Object.keys(recipes), "talos", ...kubernetesVersions.map((version) => `kubernetes-${version}`)];
  throw new Error(`there is no module ${module}: ${known.join(", ")}`);
}
