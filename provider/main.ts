#!/usr/bin/env node
/** The plugin `pulumi-resource-plinth`: started by the engine with its address, answers with a port on its first line. */
import { functions } from "./function";
import { Life } from "./host/life";
import { Host } from "./host/server";
import { resources } from "./resources";

async function main(): Promise<void> {
  const engineAddress = process.argv[2];
  const life = new Life();
  // An error nobody awaited must not take the results of running calls with it.
  process.on("unhandledRejection", (error) => console.error(error instanceof Error ? error.message : String(error)));
  const { port } = await new Host(resources, life, engineAddress, functions).listen();
  process.stdout.write(`${port}\n`);
  if (engineAddress !== undefined) life.watchEngine();
}

main().catch((error) => {
  console.error(`plinth's provider could not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
