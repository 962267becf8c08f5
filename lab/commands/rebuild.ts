import { rebuild } from "../../cli/rebuild/rebuild";
import { ensureTools } from "../build/tools";
import { openStack } from "../engine/engine";
import type { Instance } from "../instance/instance";
import { prepare } from "../instance/prepare";
import { destroy, type UpOptions, up } from "./up";

/** `lab rebuild`: the rehearsal of `plinth rebuild`, by the same steps on simulated machines. */
export async function rebuildLab(instance: Instance, options: UpOptions & { readonly sure: boolean }): Promise<void> {
  const { ticker, signal, sure } = options;
  const plan = await prepare(instance, options.stackFile);
  const stack = await openStack(instance, await ensureTools(ticker, signal));
  const builder = {
    stack,
    env: {},
    say: (line: string) => console.log(line),
    destroy: async () => void (await destroy(instance, options)),
    up: async () => void (await up(instance, options)),
  };
  await rebuild(plan, builder, sure);
}
