import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { PLUGIN as TALOS_PLUGIN } from "../../components/talos/binding";
import type { Tools } from "../build/tools";
import type { Instance } from "../instance/instance";

/** A provider plugin the program asks for. */
export interface Plugin {
  readonly name: string;
  /** Exact version that the SDK asks the engine for, as `4.34.2`. */
  readonly version: string;
  /** Whether the official plugin runs, or the lab's stand-in for it. */
  readonly kind: "official" | "stand-in";
}

/** A plugin in the exact version that its SDK asks for. */
export type Needed = Omit<Plugin, "kind">;

/**
 * Fills the plugin folder of an engine whose PULUMI_HOME is `home` with what every stack needs and with `more`. An official
 * plugin that the user has installed in the right version always wins; a stand-in takes the place of one that is missing.
 */
export function installPlugins(
  home: string,
  tools: Tools,
  env: NodeJS.ProcessEnv = process.env,
  more: readonly Needed[] = [],
): Plugin[] {
  const standin = tools.standin?.path;
  if (standin === undefined) throw new Error("the tool standin is not part of any recipe");
  const userHome = env.PULUMI_HOME || join(homedir(), ".pulumi");
  return [...required(), ...more].map(({ name, version }) => {
    const folder = `resource-${name}-v${version}`;
    const official = join(userHome, "plugins", folder);
    const kind = existsSync(join(official, `pulumi-resource-${name}`)) ? "official" : "stand-in";
    const files =
      kind === "official"
        ? readdirSync(official, { withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map((entry) => ({ from: join(official, entry.name), as: entry.name }))
        : [{ from: standin, as: `pulumi-resource-${name}` }];
    place(join(home, "plugins"), folder, files);
    return { name, version, kind };
  });
}

/** PULUMI_HOME of the instance's engine. */
export function pulumiHome(instance: Instance): string {
  return instance.at("pulumi-home");
}

/** What the stack program imports: each SDK asks for the plugin of exactly its own version. */
function required(): Needed[] {
  const sdk = (name: string) => {
    const { version }: { version: string } = require(`@pulumi/${name}/package.json`);
    return { name, version };
  };
  return [sdk("kubernetes"), sdk("random"), { name: "talos", version: TALOS_PLUGIN.version }, sdk("tls")];
}

/** The engine wants a real folder, not a link to one; its files may be hard links. */
function place(plugins: string, folder: string, files: readonly { from: string; as: string }[]): void {
  const work = join(plugins, ".new");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const { from, as } of files) {
    try {
      linkSync(from, join(work, as));
    } catch {
      // Another file system, or a folder of another user.
      copyFileSync(from, join(work, as));
    }
  }
  rmSync(join(plugins, folder), { recursive: true, force: true });
  renameSync(work, join(plugins, folder));
}
