import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { type Command, Option } from "commander";
import { machineSecretsOf, type SecretsBundle } from "../../components/adopt/bundle";
import { isControlPlane } from "../../components/adopt/machine";
import { stackText } from "../../components/adopt/text";
import { packageRoot } from "../../components/discovery";
import { type Problem, ProblemError, refuse } from "../../components/problem";
import { formatImpact, type Impact } from "../../components/talos/impact";
import { type Adoption, adoption } from "../../provider/adopt/differences";
import { type Given, readMachines } from "../../provider/adopt/read";
import { type Access, parseTalosconfig } from "../../provider/adopt/talosconfig";

interface Options {
  readonly talosconfig: string;
  readonly context?: string;
  readonly nodes?: string;
  readonly domain: string;
  readonly provider: "metal" | "lab";
  readonly bundle: string;
  readonly prefix?: string;
  readonly gateway?: string;
  readonly mac: readonly string[];
  readonly disk: readonly string[];
}

/** `plinth adopt`: a cluster that runs already becomes a stack. Reads it, writes two files, touches no machine. */
export function registerAdopt(program: Command): void {
  const several = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  program
    .command("adopt")
    .description("describe a running Talos cluster as a stack file, and say what plinth would change; changes nothing")
    .argument("<file>", "stack file to write, as stacks/Pulumi.home.yaml")
    .requiredOption("--domain <name>", "DNS domain of the site")
    .requiredOption("--bundle <file>", "file to write the cluster's secrets to, readable by you alone")
    .option(
      "--talosconfig <file>",
      "talosconfig of the cluster",
      process.env.TALOSCONFIG || join(homedir(), ".talos/config"),
    )
    .option("--context <name>", "context of the talosconfig (default: its current one)")
    .option("--nodes <addresses>", "own addresses of all machines, by commas (default: those of the talosconfig)")
    .addOption(new Option("--provider <kind>", "where the machines are").choices(["metal", "lab"]).default("metal"))
    .option("--prefix <bits>", "length of the network's prefix, for machines that do not tell it")
    .option("--gateway <address>", "default gateway, for machines that do not tell it")
    .option("--mac <address=mac>", "Ethernet address of a machine that does not tell it; several times", several, [])
    .option("--disk <address=wwid>", "disk of a machine that does not tell it; several times", several, [])
    .action(async (file: string, options: Options) => {
      process.stdout.write(await adopt(file, options));
    });
}

async function adopt(file: string, options: Options): Promise<string> {
  refuse(
    "Nothing was read, nothing was written:",
    [file, options.bundle]
      .filter((path) => existsSync(path))
      .map((path) => ({ path, reason: "is there already", fix: "name another file, or move it away" })),
  );
  const access = parseTalosconfig(readTalosconfig(options.talosconfig), options.talosconfig, options.context);
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Error("interrupted; nothing was written"));
  process.once("SIGINT", stop);
  try {
    const addresses = addressesOf(access, options.nodes);
    const read = await readMachines(
      access.clientConfiguration,
      addresses,
      given(addresses, options),
      controller.signal,
    );
    const plane = read.find(({ facts }) => isControlPlane(facts));
    const bundle: SecretsBundle = {
      machineSecrets: machineSecretsOf(plane?.facts.configuration ?? [], plane?.facts.hostname ?? "no machine"),
      clientConfiguration: access.clientConfiguration,
    };
    const adopted = await adoption(read, bundle, options, controller.signal);
    const schema = relative(dirname(file), join(packageRoot, "schema/stack.schema.json"));
    writeFileSync(options.bundle, `${JSON.stringify(bundle)}\n`, { mode: 0o600, flag: "wx" });
    writeFileSync(file, stackText(adopted.site, schema), { flag: "wx" });
    return report(file, options.bundle, adopted);
  } finally {
    process.off("SIGINT", stop);
  }
}

function readTalosconfig(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "is not there" : "cannot be read";
    throw new ProblemError("The cluster cannot be reached:", [
      { path: file, reason, fix: "name one with --talosconfig" },
    ]);
  }
}

function addressesOf(access: Access, nodes: string | undefined): readonly string[] {
  const addresses = nodes === undefined ? access.addresses : nodes.split(",").map((each) => each.trim());
  if (addresses.length > 0) return [...new Set(addresses)];
  throw new ProblemError("The cluster cannot be reached:", [
    {
      path: "--nodes",
      reason: "neither it nor the talosconfig names a machine",
      fix: "give --nodes 10.0.0.11,10.0.0.12",
    },
  ]);
}

/** What the person gave, by machine. */
function given(addresses: readonly string[], { prefix, gateway, mac, disk }: Options): Given {
  const problems: Problem[] = [];
  const pairs = (option: string, values: readonly string[]): ReadonlyMap<string, string> =>
    new Map(
      values.map((value) => {
        const [address = "", text = ""] = value.split("=");
        if (!addresses.includes(address) || text === "") {
          problems.push({
            path: option,
            reason: `"${value}" names no machine`,
            fix: `write one of ${addresses.join(", ")}, = and its value`,
          });
        }
        return [address, text] as const;
      }),
    );
  const [macs, disks] = [pairs("--mac", mac), pairs("--disk", disk)];
  const prefixLength = prefix === undefined ? undefined : Number(prefix);
  if (prefixLength !== undefined && !(Number.isInteger(prefixLength) && prefixLength > 0 && prefixLength <= 128)) {
    problems.push({ path: "--prefix", reason: `"${prefix}" is no length of a prefix`, fix: "write it as 24" });
  }
  refuse("Nothing was read, nothing was written:", problems);
  return Object.fromEntries(
    addresses.map((address) => {
      const [ownMac, wwid] = [macs.get(address), disks.get(address)];
      return [
        address,
        {
          ...(ownMac !== undefined && { mac: ownMac.toLowerCase() }),
          ...(wwid !== undefined && { disk: { wwid } }),
          ...(prefixLength !== undefined && { prefixLength }),
          ...(gateway !== undefined && { gateway }),
        },
      ];
    }),
  );
}

function report(file: string, bundle: string, { site, differences }: Adoption): string {
  const lines = linesOf(differences);
  return [
    `${file}: ${Object.keys(site.machines).length} machines of ${site.name}, Talos ${site.talos.version}, Kubernetes ${site.kubernetes.version}. No machine was touched.`,
    ...(lines.length === 0
      ? ["What runs is what plinth would write: nothing differs."]
      : [
          "What runs differs from what this file means; the first update only takes note of it, the next one changes it:",
        ]),
    ...lines.map((line) => `  ${line}`),
    "",
    "Then:",
    `  pulumi config set --secret secrets:bundle < ${bundle}   # the cluster's secrets: keep the file elsewhere, or remove it`,
    "  pulumi up        # takes the cluster over as it runs",
    "  pulumi preview   # shows no change, or what differs",
    "",
  ].join("\n");
}

/** One line a change, with the machines that share it. */
function linesOf(differences: ReadonlyMap<string, readonly Impact[]>): readonly string[] {
  const keysByLine = new Map<string, string[]>();
  for (const [key, impacts] of differences) {
    for (const line of impacts.map(formatImpact)) keysByLine.set(line, [...(keysByLine.get(line) ?? []), key]);
  }
  return [...keysByLine].map(([line, keys]) => `${keys.join(", ")}: ${line}`);
}
