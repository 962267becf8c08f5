import * as pulumi from "@pulumi/pulumi";
import { version } from "../package.json";
import { CHECK_VERSION, type VersionQuestion } from "./functions";

/** Options every resource of plinth's own provider carries: the plugin of exactly this package's version. */
export function pluginOptions(opts: pulumi.CustomResourceOptions = {}): pulumi.CustomResourceOptions {
  return pulumi.mergeOptions({ version }, opts);
}

/** Whether an engine runs this program; its own tests with mocks have none, and no plugins. */
export function hasEngine(): boolean {
  const monitor = pulumi.runtime.getMonitor();
  return monitor !== undefined && "registerResourceHook" in monitor;
}

/**
 * Refuses a plugin of another version than this library: the engine takes the one that `Pulumi.yaml` points at whatever
 * its version is. Nobody waits for the answer, and that is half of its use: the engine starts a plugin when it is first
 * asked for, and would otherwise do so, and let everything wait, in the middle of a run.
 */
export function checkPlugin(): void {
  if (!hasEngine()) return;
  const question: VersionQuestion = { library: version };
  void pulumi.runtime.invoke(CHECK_VERSION, question, pluginOptions()).catch((error: unknown) => {
    // The runtime shows an error that nobody awaits, and of this kind its message alone.
    throw new pulumi.RunError(error instanceof Error ? error.message : String(error));
  });
}
