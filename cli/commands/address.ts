import { readFileSync, writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import type { PoolInputs } from "../../components/address/IpPool";
import { formatProblem, ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { type PoolReport, reportNetBox, reportStatic } from "../../provider/address/report";
import { addressesInNetBox, restoreNetBox } from "../../provider/address/restore";
import { type StoredPool, storedPools, withPoolOutputs } from "../../provider/address/stored";
import { NetBox } from "../../provider/netbox/client";
import { mended } from "../../provider/netbox/errors";
import { initNetBox } from "../../provider/netbox/setup";

interface NetBoxOptions {
  readonly netboxUrl?: string;
  readonly caCertificate?: string;
}

interface ReportOptions extends NetBoxOptions {
  readonly state?: string;
  readonly stack?: string;
}

/** `plinth address …`: which address, from which pool, why, and what is left. */
export function registerAddress(program: Command): void {
  const address = program.command("address").description("addresses, pools and NetBox");

  withNetBoxOptions(address.command("plan"))
    .description("show every pool of a stack file: its addresses, why, and what is left; changes nothing")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .option("--state <file>", "output of `pulumi stack export`, for what is held already")
    .option("--stack <name>", "project/stack that keeps the records in NetBox")
    .action(async (file: string, options: ReportOptions) => {
      const reports = await reportsOf(file, options);
      process.stdout.write(reports.map(poolText).join("\n"));
      if (reports.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
    });

  withNetBoxOptions(address.command("explain"))
    .description("say where one address comes from, by owner or by address; changes nothing")
    .argument("<file>", "stack file")
    .argument("<what>", "owner of a claim, or an address")
    .option("--state <file>", "output of `pulumi stack export`")
    .option("--stack <name>", "project/stack that keeps the records in NetBox")
    .action(async (file: string, what: string, options: ReportOptions) => {
      process.stdout.write(explainText(await reportsOf(file, options), what));
    });

  withNetBoxOptions(address.command("restore"))
    .description("rebuild NetBox from a state, or a state from NetBox")
    .argument("<state>", "output of `pulumi stack export`")
    .addOption(new Option("--from <side>", "which side is right").choices(["state", "netbox"]).makeOptionMandatory())
    .option("--out <file>", "with --from netbox: where to write the state for `pulumi stack import`")
    .action(restore);

  withNetBoxOptions(address.command("init-netbox"))
    .description("make the custom fields and tags in NetBox; needs a token that may change custom fields and tags")
    .option("--site <name...>", "sites whose tag to make", [])
    .action(async (options: NetBoxOptions & { readonly site: readonly string[] }) => {
      const done = await withNetBox(options, (netbox) => initNetBox(netbox, options.site));
      process.stdout.write(`${done.length === 0 ? "nothing to do: NetBox is ready" : done.join("\n")}\n`);
    });
}

function withNetBoxOptions(command: Command): Command {
  return command
    .option("--netbox-url <url>", "NetBox's start page (default: PLINTH_NETBOX_URL); the token is PLINTH_NETBOX_TOKEN")
    .option("--ca-certificate <file>", "PEM of the CA that NetBox's certificate chains to");
}

/** Runs with NetBox; the token comes from the environment alone: a command line is seen by everyone. */
async function withNetBox<T>(options: NetBoxOptions, work: (netbox: NetBox) => Promise<T>): Promise<T> {
  const url = options.netboxUrl ?? process.env.PLINTH_NETBOX_URL;
  const token = process.env.PLINTH_NETBOX_TOKEN;
  if (url === undefined || token === undefined) {
    throw new ProblemError("NetBox cannot be used:", [
      url === undefined
        ? { path: "--netbox-url", reason: "is missing", fix: "give NetBox's URL, or set PLINTH_NETBOX_URL" }
        : { path: "PLINTH_NETBOX_TOKEN", reason: "is not set", fix: "put the token into this variable" },
    ]);
  }
  const caCertificate = options.caCertificate === undefined ? undefined : readFileSync(options.caCertificate, "utf8");
  const { signal } = new AbortController();
  const netbox = NetBox.connect({ url, token, ...(caCertificate !== undefined && { caCertificate }) }, { signal });
  try {
    return await work(netbox);
  } catch (error) {
    return mended(error);
  } finally {
    netbox.close();
  }
}

async function reportsOf(file: string, options: ReportOptions): Promise<PoolReport[]> {
  const { pools } = planSite(parseSite(readSiteFile(file), file));
  const stored = options.state === undefined ? [] : storedPools(readFileSync(options.state, "utf8"), options.state);
  const reports: PoolReport[] = [];
  for (const inputs of Object.values(pools)) {
    const prior = stored.find((pool) => pool.inputs.site === inputs.site && pool.inputs.name === inputs.name);
    reports.push(await reportOf(inputs, prior, file, options));
  }
  return reports;
}

function reportOf(inputs: PoolInputs, prior: StoredPool | undefined, file: string, options: ReportOptions) {
  if (inputs.backend !== "netbox") return reportStatic(inputs, prior);
  const stack = options.stack ?? prior?.stack ?? `plinth/${/Pulumi\.(.+)\.ya?ml$/.exec(file)?.[1] ?? ""}`;
  return withNetBox(options, (netbox) => reportNetBox(netbox, inputs, stack, prior));
}

function poolText({ pool, from, claims, left, problems, disagreements }: PoolReport): string {
  const width = Math.max(0, ...claims.map(({ owner }) => owner.length));
  return [
    `${pool}: ${from}, ${left}`,
    ...claims.map(({ owner, address, why }) => `  ${owner.padEnd(width)}  ${(address ?? "-").padEnd(15)}  ${why}`),
    ...problems.map((problem) => `  problem: ${formatProblem(problem)}`),
    ...disagreements.map((sentence) => `  disagreement: ${sentence}`),
    "",
  ].join("\n");
}

function explainText(reports: readonly PoolReport[], what: string): string {
  const found = reports.flatMap((report) =>
    report.claims
      .filter(({ owner, address }) => owner === what || address === what)
      .map((claim) => ({ report, claim })),
  );
  if (found.length === 0) {
    const owners = reports.flatMap(({ claims }) => claims.map(({ owner }) => owner));
    throw new ProblemError("Nothing to explain:", [
      {
        path: what,
        reason: "is neither an owner nor an address of any pool",
        fix: `name one of ${owners.join(", ") || "(no claims)"}`,
      },
    ]);
  }
  return found
    .map(({ report, claim }) =>
      [
        `${claim.owner}: ${claim.address ?? "no address yet"}`,
        `  because  ${claim.why}`,
        `  claim    ${claim.claim}`,
        `  id       ${claim.id}`,
        `  pool     ${report.pool}, ${report.from}, ${report.left}`,
        "",
      ].join("\n"),
    )
    .join("");
}

async function restore(
  file: string,
  options: NetBoxOptions & { readonly from: "state" | "netbox"; readonly out?: string },
) {
  let text = readFileSync(file, "utf8");
  const pools = storedPools(text, file).filter(({ inputs }) => inputs.backend === "netbox");
  if (options.from === "netbox" && options.out === undefined) {
    throw new ProblemError("Nothing was changed.", [
      { path: "--out", reason: "is missing", fix: "name the file for the restored state" },
    ]);
  }
  const lines = await withNetBox(options, async (netbox) => {
    const done: string[] = [];
    for (const pool of pools) {
      if (options.from === "state") {
        const restored = await restoreNetBox(netbox, pool, new AbortController().signal);
        done.push(...restored.done, ...restored.failures.map((failure) => `failed: ${failure}`));
        if (restored.failures.length > 0) process.exitCode = 1;
      } else {
        const seen = await addressesInNetBox(netbox, pool);
        done.push(...seen.done);
        text = withPoolOutputs(text, file, pool.urn, seen.outputs);
      }
    }
    return done;
  });
  if (options.out !== undefined) writeFileSync(options.out, text, { mode: 0o600 });
  process.stdout.write(`${lines.length === 0 ? "nothing to restore: both sides agree" : lines.join("\n")}\n`);
}
