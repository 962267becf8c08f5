import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { compare, valid } from "semver";
import { packageRoot } from "../../components/discovery";
import { canonicalJson } from "../../components/licensing/canonical";
import { ProblemError } from "../../components/problem";
import { withRelease } from "../../components/release/apply";
import { CHANNELS, type Channel, type Manifest, parseManifest } from "../../components/release/manifest";
import { versions } from "../../components/release/versions";
import { version as plinthVersion } from "../../package.json";
import { stateDirectory } from "../../provider/state";
import { adoptVaultKey, makeKey } from "../licence/keys";
import { many, readText, sealFrom, withIdentity } from "../licence/options";
import { newestRelease } from "../release/client";
import { ROLES, sha256 } from "../release/metadata";
import { publishRepository } from "../release/publish";
import { roleFolder, signRepository } from "../release/repository";

interface Build {
  readonly channel: Channel;
  readonly release: string;
  readonly from: string;
  readonly notes: string;
  readonly talos?: string;
  readonly kubernetes?: string;
}

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
    .description("make a key for every role of the channels")
    .option("--vendor <folder>", "the vendor's keys, a folder a role", "vendor")
    .option("--recipient <age1…>", "seal to this age public key (default: PLINTH_LICENCE_PASSPHRASE)", many, [])
    .option("--vault <prefix>", "take the keys <prefix>-<role> of Vault's transit engine instead; Vault signs")
    .action(async (options: Keys) => {
      for (const role of ROLES) {
        const folder = roleFolder(options.vendor, role);
        const id =
          options.vault === undefined
            ? await makeKey(folder, sealFrom(options))
            : await adoptVaultKey(folder, `${options.vault}-${role}`);
        console.log(`${role}: ${id} in ${folder}`);
      }
    });

  release
    .command("build")
    .description("print what a release of this plinth brings")
    .addOption(channel())
    .option("--release <version>", "its version", plinthVersion)
    .requiredOption("--from <version>", "the oldest plinth that can go to it in one step")
    .requiredOption("--notes <file>", "what changes, for people")
    .option("--talos <version>", "Talos version that sites are set to")
    .option("--kubernetes <version>", "Kubernetes version that sites are set to")
    .action((options: Build) => console.log(canonicalJson(manifestOf(options))));

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
      if (file !== undefined) console.log(told(withRelease(stackText(file), file, manifest).edits));
    });

  taking(release.command("apply"))
    .description("set a stack file's versions to those of the newest release, and nothing else")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .action(async (file: string, options: Take) => {
      const manifest = await newestRelease(options, options.channel);
      if (compare(plinthVersion, manifest.from) < 0) {
        const reason = `${manifest.version} can be reached from plinth ${manifest.from}, and this is ${plinthVersion}`;
        throw new ProblemError(`${file} was not changed:`, [
          { path: "plinth", reason, fix: `update plinth to ${manifest.from} first` },
        ]);
      }
      const { text, edits } = withRelease(stackText(file), file, manifest);
      if (edits.length > 0) {
        writeFileSync(`${file}.plinth-new`, text);
        renameSync(`${file}.plinth-new`, file);
      }
      console.log(told(edits));
    });
}

function manifestOf({ channel, release, from, notes, talos, kubernetes }: Build): Manifest {
  for (const [path, text] of Object.entries({ "--release": release, "--from": from })) {
    if (valid(text) === text) continue;
    throw new ProblemError("Nothing was built:", [{ path, reason: `${text} is no version`, fix: "write it as 0.2.0" }]);
  }
  const { charts, manifests, images } = versions();
  const manifest = {
    v: 1,
    channel,
    version: release,
    from,
    notes: readText(notes),
    pins: { ...(talos !== undefined && { talos }), ...(kubernetes !== undefined && { kubernetes }) },
    versions: sha256(readFileSync(join(packageRoot, "components", "release", "versions.yaml"))),
    charts: Object.fromEntries(
      [...Object.entries(charts), ...Object.entries(manifests)].map(([name, { version, digest }]) => [
        name,
        digest === undefined ? version : `${version}@${digest}`,
      ]),
    ),
    images: [
      ...new Set([
        ...Object.values(charts).flatMap((chart) => chart.images),
        ...Object.values(images).map(({ repository, version }) => `${repository}:${version}`),
      ]),
    ].sort(),
  };
  return parseManifest(JSON.stringify(manifest), "release");
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
