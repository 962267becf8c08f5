import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../components/discovery";
import { version } from "../package.json";
import { reset } from "./commands/down";
import { up } from "./commands/up";
import { stateFile } from "./engine/engine";
import { Instance } from "./instance/instance";
import { Ticker } from "./ticker";

/**
 * Keeps the state of this version in test/recorded/<version>: `npm run record`, once before a release. Every later
 * version must preview it without replacing anything. Its secrets are those of a lab that is gone.
 */
async function main(): Promise<void> {
  const instance = new Instance("record");
  const folder = join(packageRoot, "test", "recorded", version);
  const ticker = new Ticker();
  try {
    await reset(instance, ticker);
    await up(instance, { ticker, signal: new AbortController().signal });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "state.json"), portable(readFileSync(stateFile(instance), "utf8")));
    copyFileSync(instance.stackFile, join(folder, "Pulumi.lab.yaml"));
    copyFileSync(instance.at("passphrase"), join(folder, "passphrase"));
    ticker.line(`recorded ${folder}`);
  } finally {
    await reset(instance, ticker);
    ticker.close();
  }
}

/** A state without the places in source files that the engine notes, which are paths of this computer. */
function portable(state: string): string {
  const drop = new Set(["sourcePosition", "stackTrace"]);
  return `${JSON.stringify(
    JSON.parse(state, (key, value) => (drop.has(key) ? undefined : value)),
    undefined,
    2,
  )}\n`;
}

void main();
