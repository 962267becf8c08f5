import { mkdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { canonicalJson } from "../../components/licensing/canonical";
import { formatProblem, type Problem, refuse } from "../../components/problem";
import { withRelease } from "../../components/release/apply";
import { CHANNELS, type Channel, parseManifest } from "../../components/release/manifest";
import { version as plinthVersion } from "../../package.json";
import { stateDirectory } from "../../provider/state";
import { adoptVaultKey, makeKey, publicKeys } from "../licence/keys";
import { withVendor } from "../licence/lock";
import { record } from "../licence/log";
import { many, readText, sealFrom, withIdentity } from "../licence/options";
import { brings, type Draft, manifestOf, notYet, withoutDigest } from "../release/build";
import { newestRelease } from "../release/client";
import { writeWhole } from "../release/files";
import { ROLES } from "../release/metadata";
import { publishRepository } from "../release/publish";
import { roleFolder, signRepository } from "../release/repository";

interface Keys {
  readonly vendor: string;
  readonly recipient: readonly string[];
  readonly vault?: string;
}

interface Sign {
  readonly vendor: string;
  readonly repository: string;
  readonly identity: readonly string[];
}

interface Take {
  readonly from: string;
  readonly root: string;
  readonly channel: Channel;
  readonly memory: string;
}

/** `plinth release …`: releases as static files in TUF's form: the vendor signs, a site checks and applies. */
export function registerRelease(program: Command): void {
  const release = program.command("release").description("signed release channels as static files");

  release
    .command("keys")
    .description("make the first key of every role of the channels")
    .option("--vendor <folder>", "the vendor's keys, a folder a role", "vendor")
    .option("--recipient <age1…>", "seal to this age public key (default: PLINTH_LICENCE_PASSPHRASE)", many, [])
    .option("--vault <prefix>", "take the keys <prefix>-<role> of Vault's transit engine instead; Vault signs")
    .action(async (options: Keys) => {
      const { vendor, vault } = options;
      mkdirSync(vendor, { recursive: true, mode: 0o700 });
      await withVendor(vendor, "make the keys of releases", async () => {
        // Those of a run that was killed are not made twice.
        const missing = ROLES.filter((role) => publicKeys(roleFolder(vendor, role)).length === 0);
        if (missing.length === 0) refuse("No key was made:", thereAlready(vendor));
        for (const role of missing) {
          const folder = roleFolder(vendor, role);
          const made =
            vault === undefined ? makeKey(folder, sealFrom(options)) : adoptVaultKey(folder, `${vault}-${role}`);
          const key = await made;
          record(folder, { act: "key", key });
          console.log(`${role}: ${key} in ${folder}`);
        }
      });
    });

  release
    .command("build")
    .description("print what a release of this plinth brings")
    .addOption(channel())
    .option("--release <version>", "its version, which has to be this plinth's", plinthVersion)
    .requiredOption("--from <version>", "the oldest plinth that can go to it in one step")
    .requiredOption("--notes <file>", "what changes, for people")
    .option("--talos <version>", "Talos version that sites are set to")
    .option("--kubernetes <version>", "Kubernetes version that sites are set to")
    .action((options: Draft) => {
      const manifest = manifestOf({ ...options, notes: readText(options.notes) });
      console.log(canonicalJson(manifest));
      for (const what of withoutDigest(manifest)) console.error(what);
    });

  withIdentity(release.command("sign"))
    .description("put a release into a repository and sign it; without one, sign again what is there")
    .argument("[manifest]", "as build printed it")
    .option("--vendor <folder>", "the vendor's keys", "vendor")
    .option("--repository <folder>", "the repository", "releases")
    .action(async (file: string | undefined, options: Sign) => {
      const manifest = file === undefined ? undefined : parseManifest(readText(file), file);
      const { repository, vendor } = options;
      for (const waits of await signRepository(repository, vendor, sealFrom(options), new Date(), manifest))
        console.error(waits);
    });

  release
    .command("publish")
    .description("copy a repository to where it is served from, in an order that is good at every moment")
    .argument("<folder>", "a web server's, a stick's, or one that a registry is filled from")
    .option("--repository <folder>", "the repository", "releases")
    .action((to: string, { repository }: { repository: string }) => publishRepository(repository, to));

  taking(release.command("check"))
    .description("verify a channel and say what its newest release would change")
    .argument("[file]", "stack file, as stacks/Pulumi.home.yaml")
    .action(async (file: string | undefined, options: Take) => {
      const manifest = await newestRelease(options, options.channel);
      console.log(`${manifest.channel}: ${manifest.version}\n${manifest.notes}`);
      for (const line of [...notYet(manifest).map(formatProblem), ...brings(manifest)]) console.log(line);
      if (file !== undefined) console.log(told(withRelease(stackText(file), file, manifest).edits));
    });

  taking(release.command("apply"))
    .description("set a stack file's versions to those of the newest release, and nothing else")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .action(async (file: string, options: Take) => {
      const manifest = await newestRelease(options, options.channel);
      refuse(`${file} was not changed:`, notYet(manifest));
      const { text, edits } = withRelease(stackText(file), file, manifest);
      if (edits.length > 0) {
        // A link stays one, and who may read the file may go on.
        const place = realpathSync(file);
        writeWhole(place, text, statSync(place).mode);
      }
      console.log(told(edits));
    });
}

function thereAlready(vendor: string): readonly Problem[] {
  return ROLES.map((role) => {
    const folder = roleFolder(vendor, role);
    const fix = `a key beside it, to take its place: plinth licence keys new --vendor ${folder}`;
    return { path: folder, reason: "has a key", fix };
  });
}

function told(edits: readonly { path: string; before: string; after: string }[]): string {
  if (edits.length === 0) return "nothing to change: the site has these versions, or later ones";
  return edits.map(({ path, before, after }) => `${path}: ${before} → ${after}`).join("\n");
}

function channel(): Option {
  return new Option("--channel <name>", "channel").choices(CHANNELS).default("stable");
}

function taking(command: Command): Command {
  return command
    .requiredOption("--from <place>", "URL or folder of the releases, or oci://registry.example.org/releases:stable")
    .requiredOption("--root <file>", "the vendor's 1.root.json, as it came with the product")
    .option("--memory <folder>", "where what was seen is kept", join(stateDirectory(), "releases"))
    .addOption(channel());
}

/** Unlike other texts to the last byte: it is written again. */
function stackText(file: string): string {
  readText(file);
  return readFileSync(file, "utf8");
}
