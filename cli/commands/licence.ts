import { existsSync, mkdirSync } from "node:fs";
import type { Command } from "commander";
import { keyId, keyRing } from "../../components/licensing/keys";
import { RELEASED } from "../../components/licensing/released";
import { FEATURES, TIERS } from "../../components/licensing/tiers";
import { verifyLicence } from "../../components/licensing/verdict";
import { type Problem, ProblemError, refuse } from "../../components/problem";
import { objects } from "../../provider/kubernetes/objects";
import { type Clock, second } from "../licence/clock";
import { checkInside } from "../licence/inside";
import { adoptVaultKey, makeKey, publicKeys, readKeys, retireKey } from "../licence/keys";
import { withVendor } from "../licence/lock";
import { record } from "../licence/log";
import { pushMetrics } from "../licence/metrics";
import { many, readText, sealFrom, withIdentity } from "../licence/options";
import { type Changes, type Draft, issue, moment, renew, reprint, revoke } from "../licence/vendor";

/** What keeps this from asking the cluster it runs in. */
function notInside(): readonly Problem[] {
  const path = "--kubeconfig";
  if (process.env.KUBERNETES_SERVICE_HOST === undefined)
    return [{ path, reason: "is not given, and this runs in no cluster", fix: "name the cluster's kubeconfig" }];
  if (existsSync(TOKEN)) return [];
  const fix = "let the pod have the token of its service account";
  return [{ path, reason: `is not given, and this pod has no ${TOKEN}`, fix }];
}

/** By what a pod is known to its cluster. */
const TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

interface Options {
  readonly vendor: string;
  readonly recipient: readonly string[];
  readonly identity: readonly string[];
  readonly vault?: string;
  readonly today?: string;
}

/** `plinth licence …`: what a vendor issues, and what anybody can check. */
export function registerLicence(program: Command): void {
  const licence = program.command("licence").description("issue and check licences that work offline");

  vendor(licence.command("keys"))
    .description("list the public keys as a site file names them; make a new one, or retire one")
    .argument("[act]", "new, or retire")
    .argument("[id]", "key to retire")
    .option(
      "--recipient <age1…>",
      "seal the new key to this age public key (default: PLINTH_LICENCE_PASSPHRASE)",
      many,
      [],
    )
    .option("--vault <name>", "take this key of Vault's transit engine instead of making one; Vault signs")
    .action(async (act: string | undefined, id: string | undefined, options: Options) => {
      if (act === "new") {
        const { vault, vendor: folder } = options;
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        await withVendor(folder, "make a key", async () => {
          const made = vault === undefined ? makeKey(folder, sealFrom(options)) : adoptVaultKey(folder, vault);
          record(folder, { act: "key", key: await made });
        });
      } else if (act === "retire") {
        const key = id ?? "";
        await withVendor(options.vendor, `retire ${key}`, async () => {
          retireKey(options.vendor, key, second(new Date()));
          record(options.vendor, { act: "retire", key });
        });
      } else if (act !== undefined) {
        throw new ProblemError("No key was changed:", [
          { path: "act", reason: `${act} is nothing to do with a key`, fix: "leave it out, or say new or retire" },
        ]);
      }
      for (const key of publicKeys(options.vendor)) console.log(`- ${JSON.stringify(key)} # ${keyId(key.x)}`);
    });

  terms(signing(licence.command("issue")), true)
    .description("sign a licence and print it")
    .option("--from <date>", "first moment (default: now)")
    .requiredOption("--id <name>", "its name, which renewals keep")
    .requiredOption("--customer <name>", "who it is for")
    .action(async (options: Options & Draft) => {
      console.log(await issue(options.vendor, options, sealFrom(options), clock(options)));
    });

  terms(signing(licence.command("renew")), false)
    .description("sign a licence again with a later end or other terms and print it; what is not named stays as it was")
    .argument("<id>", "its name")
    .action(async (id: string, options: Options & Changes) => {
      console.log(await renew(options.vendor, id, options, sealFrom(options), clock(options)));
    });

  signing(licence.command("revoke"))
    .description("put a licence on the revocation list, sign the list and print it")
    .argument("<id>", "its name")
    .requiredOption("--reason <text>", "why; customers read it")
    .action(async (id: string, options: Options & { readonly reason: string }) => {
      console.log(await revoke(options.vendor, id, options.reason, sealFrom(options), clock(options)));
    });

  licence
    .command("show")
    .description("print what a licence or a revocation list says; whether it is to be believed, verify tells")
    .option("--vendor <folder>", "print the licence of this name again, as it was issued last from this folder")
    .argument("<file or name>", "- for standard input")
    .action((file: string, { vendor: folder }: { readonly vendor?: string }) => {
      if (folder !== undefined) {
        console.log(reprint(folder, file));
        return;
      }
      const body = readText(file).split(".")[1] ?? "";
      try {
        console.log(JSON.stringify(JSON.parse(Buffer.from(body, "base64url").toString()), undefined, 2));
      } catch {
        const fix = "copy it again, whole, as the vendor sent it";
        throw new ProblemError("There is nothing to show:", [{ path: file, reason: "is no licence", fix }]);
      }
    });

  licence
    .command("verify")
    .description("say whether a licence is good and why; exit code 1 when it is not")
    .option("--uuid <uuid>", "SMBIOS UUID of a machine that is here", many, [])
    .option("--wwid <wwid>", "WWID of a disk that is here", many, [])
    .argument("<file>", "- for standard input")
    .requiredOption("--keys <file>", "the vendor's public keys: keys.json")
    .option("--revocations <file>", "the vendor's revocation list")
    .option("--at <date>", "another moment than now")
    .action((file: string, { keys, revocations, at, uuid, wwid }: Check) => {
      const verdict = verifyLicence(readText(file), {
        keys: keyRing(readKeys(keys)),
        // Another moment is asked about as it is said; the clock may be wrong.
        ...(at === undefined
          ? { now: new Date(), released: new Date(RELEASED) }
          : { now: new Date(moment(at, "--at")) }),
        devices: { uuids: uuid, wwids: wwid },
        ...(revocations !== undefined && { revocations: readText(revocations) }),
      });
      console.log([`${verdict.state}: ${verdict.reason}`, verdict.fix, ...verdict.warnings].filter(Boolean).join("\n"));
      if (!verdict.entitled) process.exitCode = 1;
    });

  licence
    .command("check")
    .description(
      "judge the licence of a cluster by its nodes, from inside or with a kubeconfig; exit code 1 if not good",
    )
    .option("--folder <folder>", "the Secret plinth-system/licence as files", "/licence")
    .option("--kubeconfig <file>", "cluster to ask (default: the one this runs in)")
    .option("--push <url>", "URL that gets the metrics, as http://pushgateway:9091/metrics/job/plinth-licence")
    .action(async ({ folder, kubeconfig, push }: Inside) => {
      if (kubeconfig === undefined) refuse("Nothing was judged:", notInside());
      const api = objects(kubeconfig === undefined ? undefined : readText(kubeconfig));
      const { verdict, metrics } = await checkInside(api, folder, new Date(), AbortSignal.timeout(60_000));
      console.log(`${verdict.state}: ${verdict.reason}`);
      if (push !== undefined) await pushMetrics(push, metrics);
      if (!verdict.entitled) process.exitCode = 1;
    });
}

interface Inside {
  readonly folder: string;
  readonly kubeconfig?: string;
  readonly push?: string;
}

interface Check {
  readonly keys: string;
  readonly revocations?: string;
  readonly at?: string;
  readonly uuid: readonly string[];
  readonly wwid: readonly string[];
}

function vendor(command: Command): Command {
  return command.option("--vendor <folder>", "the vendor's keys and log", "vendor");
}

/** What is sold. */
function terms(command: Command, first: boolean): Command {
  const must = (flags: string, text: string) =>
    first ? command.requiredOption(flags, text) : command.option(flags, text);
  must("--tier <tier>", Object.keys(TIERS).join(", "));
  must("--until <date>", "last moment, as 2027-01-31 or 2027-01-31T12:00:00Z");
  const days = "days after the end in which all goes on";
  if (first) command.option("--grace <days>", days, "14");
  else command.option("--grace <days>", days);
  const whole = first ? "" : "; all of them, in place of those before";
  return command
    .option("--feature <name>", `beside the tier's: ${Object.keys(FEATURES).join(", ")}${whole}`, many, [])
    .option("--sites <n>", "sites that are sold: stated, and counted by nobody")
    .option("--nodes <n>", "limit of machines of a site")
    .option("--gpus <n>", "limit of GPUs of a site")
    .option("--uuid <uuid>", `SMBIOS UUID of a machine it is for${whole}, and the disks'`, many, [])
    .option("--wwid <wwid>", `WWID of a disk it is for${whole}, and the machines'`, many, []);
}

function signing(command: Command): Command {
  return withIdentity(vendor(command)).option("--today <date>", "today's date, where this computer's clock is doubted");
}

function clock({ today }: Options): Clock {
  return { now: new Date(), ...(today !== undefined && { today }) };
}
