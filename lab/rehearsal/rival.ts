import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureTools } from "../build/tools";
import { openStack } from "../engine/engine";
import { runEngine } from "../engine/run";
import type { Instance } from "../instance/instance";
import { Ticker } from "../ticker";

/**
 * Somebody else's `pulumi up` of the same site, from another computer: with a copy of the state and no lease file in
 * common, so that only the cluster itself can tell it that it is not alone.
 */
export class Rival {
  private readonly state: string;

  /** Copies the state as it is now. */
  constructor(
    private readonly instance: Instance,
    private readonly folder: string,
  ) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.state = join(folder, "state");
    cpSync(instance.at("state"), this.state, { recursive: true });
  }

  /** Runs it to its end; returns what it says when it fails, and nothing when it does not. */
  async up(): Promise<string | undefined> {
    const ticker = new Ticker();
    try {
      const tools = await ensureTools(ticker);
      const env = {
        PULUMI_BACKEND_URL: `file://${this.state}?metadata=skip`,
        PLINTH_STATE_DIR: join(this.folder, "audit"),
      };
      const stack = await openStack(this.instance, tools, { env });
      await runEngine(stack, "up", { ticker, signal: new AbortController().signal });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      ticker.close();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}
