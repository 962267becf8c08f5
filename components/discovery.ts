import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { basename, delimiter, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { parse } from "yaml";
import { version } from "../package.json";
import type { Problem } from "./problem";

/** File name of plinth's own provider plugin. */
const PLUGIN = "pulumi-resource-plinth";

/** Folder of this package: the checkout, or its place below node_modules. Sources and `dist/` both find it. */
export const packageRoot: string =
  basename(dirname(__dirname)) === "dist" ? resolve(__dirname, "../..") : dirname(__dirname);

/** Folder of the plugin as a project names it: relative to the project where that is possible. */
export function pluginFolder(projectRoot: string): string {
  const folder = join(packageRoot, "provider", "bin");
  const below = relative(projectRoot, folder);
  if (below.startsWith("..") || isAbsolute(below)) return folder;
  return `./${below}`;
}

/** Lines that a project file needs so that the engine finds the plugin. */
export function pluginLines(projectRoot: string): string {
  return ["plugins:", "  providers:", "    - name: plinth", `      path: ${pluginFolder(projectRoot)}`].join("\n");
}

/**
 * What keeps the engine from finding plinth's provider plugin, for a program that runs under `pulumi up`. Programs of
 * the Automation API configure their workspace in code, which cannot be seen from here: no problem is reported then.
 */
export function pluginProblems(env: NodeJS.ProcessEnv = process.env): readonly Problem[] {
  const root = env.PULUMI_NODEJS_ROOT_DIRECTORY;
  if (root === undefined || root === "") return [];
  const project = projectFile(root);
  if (project === undefined) return [];
  const projectRoot = dirname(project);
  const fix = `run 'npx plinth init', or add these lines to it:\n${pluginLines(projectRoot)}\n`;
  const named = providerPath(readFileSync(project, "utf8"));
  if (named !== undefined) {
    const folder = resolve(projectRoot, named);
    if (isExecutable(join(folder, PLUGIN))) return [];
    return [{ path: project, reason: `names ${named} for plinth's provider, where no ${PLUGIN} is`, fix }];
  }
  const elsewhere =
    (env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && isExecutable(join(folder, PLUGIN))) ||
    (env.PULUMI_DEBUG_PROVIDERS ?? "").split(",").some((each) => each.startsWith("plinth:")) ||
    installed(env);
  if (elsewhere) return [];
  return [{ path: project, reason: "does not say where plinth's provider plugin is", fix }];
}

/** The project's file in this folder or the nearest one above. */
export function projectFile(from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const file = ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"].map((name) => join(folder, name)).find(existsSync);
    if (file !== undefined) return file;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Path that the project file gives for plinth's provider. */
function providerPath(text: string): string | undefined {
  const project = parse(text) as {
    readonly plugins?: { readonly providers?: readonly { readonly name?: string; readonly path?: string }[] };
  } | null;
  return project?.plugins?.providers?.find(({ name }) => name === "plinth")?.path;
}

function installed(env: NodeJS.ProcessEnv): boolean {
  const home = env.PULUMI_HOME ?? join(env.HOME ?? "/", ".pulumi");
  return isExecutable(join(home, "plugins", `resource-plinth-v${version}`, PLUGIN));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
