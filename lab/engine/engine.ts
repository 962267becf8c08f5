import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { LocalWorkspace, PulumiCommand, type PulumiFn, type Stack } from "@pulumi/pulumi/automation";
import { packageRoot } from "../../components/discovery";
import type { Tools } from "../build/tools";
import { type Instance, PROJECT, STACK } from "../instance/instance";
import { callDirectly, direct } from "./direct";
import { pulumiHome } from "./plugins";

/** Settings of {@link openStack} that only tests and rehearsals change. */
export interface EngineOptions {
  /** Environment on top of the instance's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The instance's stack, opened with the real engine; made on first use. */
export async function openStack(instance: Instance, tools: Tools, options: EngineOptions = {}): Promise<Stack> {
  const pulumi = tools.pulumi?.path;
  const talosctl = tools.talosctl?.path;
  const etcdutl = tools.etcdutl?.path;
  if (pulumi === undefined || talosctl === undefined || etcdutl === undefined)
    throw new Error("the engine, talosctl and etcdutl are part of the recipes");
  callDirectly();
  mkdirSync(instance.at("state"), { recursive: true });
  return LocalWorkspace.createOrSelectStack(
    { stackName: STACK, projectName: PROJECT, program: siteProgram() },
    {
      workDir: instance.project,
      pulumiHome: pulumiHome(instance),
      pulumiCommand: await PulumiCommand.get({ root: commandRoot(instance, pulumi) }),
      envVars: { ...environment(instance, talosctl, etcdutl), ...options.env },
    },
  );
}

/** The compiled stack program: the same one that `pulumi up` runs. */
function siteProgram(): PulumiFn {
  return async () => {
    const program: PulumiFn = require(join(packageRoot, "dist", "stacks"));
    return program();
  };
}

/**
 * Where the state of an instance is. Without the sidecar files that the backend keeps of every object's type: it writes
 * them in place, and one that a killed engine has left empty makes the whole state unreadable.
 */
export function stateUrl(instance: Instance): string {
  return `file://${instance.at("state")}?metadata=skip`;
}

function environment(instance: Instance, talosctl: string, etcdutl: string): Record<string, string> {
  const hosts = direct();
  return {
    PULUMI_BACKEND_URL: stateUrl(instance),
    PULUMI_CONFIG_PASSPHRASE: readFileSync(instance.at("passphrase"), "utf8"),
    PLINTH_BACKUP_PASSPHRASE: readFileSync(instance.at("passphrase"), "utf8"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
    PLINTH_TALOSCTL: talosctl,
    PLINTH_ETCDUTL: etcdutl,
    PLINTH_STATE_DIR: instance.at("audit"),
    // Machines on loopback are never behind the user's proxy, and never the user's own cluster.
    NO_PROXY: hosts,
    no_proxy: hosts,
    KUBECONFIG: instance.at("no-kubeconfig"),
    TALOSCONFIG: instance.at("no-talosconfig"),
  };
}

/** The Automation API wants the engine at `<root>/bin/pulumi`, wherever it really is. */
function commandRoot(instance: Instance, pulumi: string): string {
  const root = instance.at("engine");
  mkdirSync(join(root, "bin"), { recursive: true });
  rmSync(join(root, "bin", "pulumi"), { force: true });
  symlinkSync(pulumi, join(root, "bin", "pulumi"));
  return root;
}

/** The stack's file in the instance's backend. */
export function stateFile(instance: Instance): string {
  return instance.at("state", ".pulumi", "stacks", PROJECT, `${STACK}.json`);
}

/** State of the stack as the backend's file holds it (secrets encrypted); undefined before the first update. */
export function readState(instance: Instance): StackState | undefined {
  try {
    return JSON.parse(readFileSync(stateFile(instance), "utf8")).checkpoint.latest ?? undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The part of a state file that the lab looks at. */
export interface StackState {
  readonly resources?: readonly { readonly urn: string; readonly type: string }[];
  readonly pending_operations?: readonly unknown[];
}
