#!/usr/bin/env node
/** `npm run lab`: whatever set-up is missing, then `plinth lab …` in this same process, so that Ctrl-C reaches it. */
import { orSayWhy, setup } from "./setup.mjs";

await orSayWhy(async () => {
  await setup();
  process.argv.splice(2, 0, "lab");
  await import(new URL("../dist/cli/main.js", import.meta.url));
});
