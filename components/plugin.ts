import { setImmediate } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { version } from "../package.json";
import { CHECK_VERSION, type VersionQuestion } from "./functions";

/** Options every resource of plinth's own provider carries: the plugin of exactly this package's version. */
export function pluginOptions(opts: pulumi.CustomResourceOptions = {}): pulumi.CustomResourceOptions {
  return pulumi.mergeOptions({ version }, opts);
}

/** The connection to the engine that runs this program; its own tests with mocks have none, and no plugins. */
export function engine(): object | undefined {
  const monitor = pulumi.runtime.getMonitor();
  return monitor !== undefined && "registerResourceHook" in monitor ? monitor : undefined;
}

/** Engines that have been asked: a process may run several, one after the other. */
const asked = new WeakSet<object>();

/**
 * Starts plinth's plugin and refuses one of another version than this library: the engine takes the one that
 * `Pulumi.yaml` points at whatever its version is.
 *
 * A {@link Site} does this by itself. The engine starts a plugin when it is first asked for, though, and lets everything
 * wait for it: a program that awaits this before it makes its site has both done at the same time. It resolves when the
 * question is on its way, not when it is answered; a refusal ends the program wherever it is then. Under mocks there is
 * no plugin, and nothing is asked.
 */
export async function startPlugin(): Promise<void> {
  const running = engine();
  if (running === undefined || asked.has(running)) return;
  asked.add(running);
  const question: VersionQuestion = { library: version };
  pulumi.runtime.invoke(CHECK_VERSION, question, pluginOptions()).catch((error: unknown) => {
    // The runtime shows an error that nobody awaits, and of this kind its message alone.
    throw new pulumi.RunError(error instanceof Error ? error.message : String(error));
  });
  // One turn in which the connection is given what is to be sent, and one in which it sends it.
  await setImmediate();
  await setImmediate();
}
