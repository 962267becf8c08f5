import { execFile } from "node:child_process";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { type Judged, judgeOffers, type Wish } from "../../components/machine/latitude/plans";
import { ProblemError } from "../../components/problem";
import { auditFile, fileAudit } from "../../provider/audit";
import { providerConfig } from "../../provider/host/config";
import { POWER, type Power, type Server } from "../../provider/latitude/api";
import { asProblem } from "../../provider/latitude/check";
import { realLatitudeDrivers } from "../../provider/latitude/drivers";
import { noteName } from "../../provider/latitude/order";
import { confirm } from "../confirm";
import { table } from "../table";

/** `plinth machines`: what can be rented, and what it costs. */
export function registerMachines(program: Command): void {
  const machines = program.command("machines").description("machines that are rented: plans, stock, prices, bills");
  const vendor = () =>
    new Option("--provider <provider>", "who rents them").choices(["latitude"]).makeOptionMandatory();
  machines
    .command("plans")
    .description("plans by price, each with why it can be ordered or not")
    .addOption(vendor())
    .option("--gpu", "with a GPU")
    .option("--region <slug>", "at this site, as NYC")
    .option("--plan <slug>", "this plan, as c3-small-x86")
    .option("--memory <GB>", "with at least so much memory", wholeNumber)
    .option("--cores <count>", "with at least so many cores", wholeNumber)
    .option("--all", "also what does not fit, with the reasons")
    .action(async ({ gpu, region, plan, memory, cores, all }: PlanOptions) => {
      const wish: Wish = {
        ...(gpu === true && { gpu }),
        ...(region !== undefined && { site: region }),
        ...(plan !== undefined && { plan }),
        ...(memory !== undefined && { memoryGB: memory }),
        ...(cores !== undefined && { cores }),
      };
      const offers = await asked((api, signal) => api.offers(signal));
      const judged = judgeOffers(offers, wish);
      const fitting = judged.filter(({ against }) => against.length === 0);
      process.stdout.write(planText(all === true ? judged : fitting, judged));
    });
  machines
    .command("power")
    .description("switch a server on or off, reboot it, or boot it into the vendor's rescue system and out again")
    .addOption(vendor())
    .requiredOption("--project <project>", "its id or slug")
    .option("--yes", "do not ask before a server that runs is stopped")
    .argument("<server>", "its name, as <site>-<machine>")
    .addArgument(new Argument("<what>", "what to do").choices(POWER))
    .action(
      async (hostname: string, what: Power, { project, yes }: { readonly project: string; readonly yes?: true }) => {
        const server = await theOne(project, hostname);
        if (what !== "on" && what !== "normal" && yes !== true) await confirm(hostname);
        const audit = fileAudit(auditFile(), "plinth machines power", (text) => text);
        await audit({
          act: "power",
          target: hostname,
          detail: `${what}: server ${server.id}, which was ${server.status}`,
        });
        await asked((api) => api.power(server.id, what));
        console.log(`${hostname}: ${what} is begun.`);
      },
    );
  machines
    .command("adopt")
    .description("take a server that was ordered elsewhere for this site's: the next update goes on with it")
    .addOption(vendor())
    .requiredOption("--project <project>", "as the site file writes it")
    .option("--yes", "do not ask")
    .argument("<server>", "its name, as <site>-<machine>")
    .action(async (hostname: string, { project, yes }: { readonly project: string; readonly yes?: true }) => {
      const server = await theOne(project, hostname);
      // It becomes the site's, and is given back with it.
      if (yes !== true) await confirm(hostname);
      const audit = fileAudit(auditFile(), "plinth machines adopt", (text) => text);
      const name = noteName({ project, hostname });
      await audit({
        act: "order",
        target: name,
        detail: `takes the server ${server.id} for one that was ordered here`,
      });
      await realLatitudeDrivers.notes.write(name, { at: Date.now(), id: server.id });
      console.log(`${hostname} (${server.id}) is this site's: the next update from this host goes on with it.`);
    });
  machines
    .command("bill")
    .description("servers of a project that exist, and what it has used in this billing period")
    .addOption(vendor())
    .requiredOption("--project <project>", "its id or slug")
    .action(async ({ project }: { readonly project: string }) => {
      const [servers, usage] = await Promise.all([
        asked((api, signal) => api.servers(project, undefined, signal)),
        asked((api, signal) => api.usage(project, signal)),
      ]);
      const rows = servers.map(({ hostname, id, plan, site, billing, status }) => [
        hostname,
        id,
        plan,
        site,
        billing,
        status,
      ]);
      const used = usage.map(({ name, hostname, quantity, unit, price }) => [
        name,
        hostname ?? "-",
        `${quantity} ${unit}`,
        `${price.toFixed(2)} $`,
      ]);
      const total = usage.reduce((sum, { price }) => sum + price, 0);
      process.stdout.write(
        [
          ...table([["SERVER", "ID", "PLAN", "REGION", "BILLING", "STATUS"], ...rows]),
          "",
          ...table([["PRODUCT", "SERVER", "QUANTITY", "PRICE"], ...used]),
          `total ${total.toFixed(2)} $`,
          "",
        ].join("\n"),
      );
    });
}

interface PlanOptions {
  readonly gpu?: boolean;
  readonly region?: string;
  readonly plan?: string;
  readonly memory?: number;
  readonly cores?: number;
  readonly all?: boolean;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("write a whole number");
}

/** The one server of exactly that name. */
async function theOne(project: string, hostname: string): Promise<Server> {
  const found = await asked((api, signal) => api.servers(project, hostname, signal));
  const [server] = found;
  if (server !== undefined && found.length === 1) return server;
  const reason = `${found.length === 0 ? "no server" : `${found.length} servers`} of ${project} is called so`;
  throw new ProblemError("Nothing was changed.", [{ path: hostname, reason, fix: "plinth machines bill lists them" }]);
}

type Config = Parameters<typeof realLatitudeDrivers.latitude>[0]["config"];

/** Asked once: a stack's secrets take a moment to open. */
let account: Promise<Config> | undefined;

/** The account that the environment tells, else that of the selected stack, as an update of it would use it. */
async function configured(env: NodeJS.ProcessEnv = process.env): Promise<Config> {
  if (env.PLINTH_RECORDED || env.LATITUDESH_BEARER) return {};
  const found = await stackValue("plinth:latitude");
  const { latitude } = "value" in found ? (providerConfig.safeParse({ latitude: found.value }).data ?? {}) : {};
  if (latitude?.token !== undefined) return { latitude };
  const why = "missing" in found ? found.missing : "plinth:latitude has no token";
  throw new ProblemError("Latitude.sh cannot be asked:", [
    {
      path: "latitude.token",
      reason: `neither LATITUDESH_BEARER nor the selected stack tells one (${why})`,
      fix: "set LATITUDESH_BEARER, or run this in the project's folder with a stack selected, after pulumi config set --secret --path plinth:latitude.token",
    },
  ]);
}

/** A value of the selected stack's configuration, opened. */
function stackValue(key: string): Promise<{ readonly value: string } | { readonly missing: string }> {
  return new Promise((resolve) => {
    execFile("pulumi", ["config", "get", key, "--non-interactive"], { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) return resolve({ value: stdout.trim() });
      const said = stderr
        .trim()
        .split("\n")[0]
        ?.replace(/^error: /, "");
      resolve({ missing: error.code === "ENOENT" ? "there is no pulumi on the PATH" : said || error.message });
    });
  });
}

type Api = ReturnType<typeof realLatitudeDrivers.latitude>;

/** One question to the API; what is the user's to mend is told as a problem. */
async function asked<T>(question: (api: Api, signal: AbortSignal) => Promise<T>): Promise<T> {
  account ??= configured();
  const config = await account;
  const signal = AbortSignal.timeout(120_000);
  const api = realLatitudeDrivers.latitude({ config, signal });
  try {
    return await question(api, signal);
  } catch (error) {
    const problem = asProblem(error);
    throw problem === undefined ? error : new ProblemError("Latitude.sh cannot be asked:", [problem]);
  } finally {
    api.close();
  }
}

function planText(shown: readonly Judged[], all: readonly Judged[]): string {
  const money = (amount: number | undefined) => (amount === undefined ? "-" : amount.toFixed(2));
  const rows = shown.map(({ offer, against }) => [
    offer.plan,
    offer.site,
    String(offer.cores),
    `${offer.memoryGB} GB`,
    offer.drives,
    offer.gpu ?? "-",
    money(offer.hour),
    money(offer.month),
    against.length === 0 ? "can be ordered" : against.join(", "),
  ]);
  if (rows.length === 0) {
    const [nearest] = all;
    const hint =
      nearest === undefined
        ? ""
        : `; the nearest, ${nearest.offer.plan} in ${nearest.offer.site}, ${nearest.against.join(" and ")}`;
    return `nothing fits${hint}. --all shows everything with the reasons.\n`;
  }
  const head = ["PLAN", "REGION", "CORES", "MEMORY", "DRIVES", "GPU", "$/HOUR", "$/MONTH", "WHY"];
  return `${table([head, ...rows]).join("\n")}\n`;
}
