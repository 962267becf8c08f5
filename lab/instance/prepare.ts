import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { packageRoot } from "../../components/discovery";
import { ProblemError, refuse } from "../../components/problem";
import { parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { normaliseVersion } from "../../components/talos/version";
import { unbuildable } from "../build/versions";
import { DEFAULT_INSTANCE, holdSubnets, type Instance, instances, PROJECT, STACK, writeAtomically } from "./instance";
import { candidates, relocate, type Subnet, siteOf, subnetOf } from "./subnet";

/** The stack file of the lab that plinth comes with. */
export const labStackFile = join(packageRoot, "stacks", `Pulumi.${STACK}.yaml`);

/**
 * Reads the user's stack file into the instance: checked, moved into the instance's own subnet, beside a Pulumi.yaml
 * for the engine. Nothing is written when the file has a problem.
 */
export async function prepare(instance: Instance, stackFile?: string): Promise<SitePlan> {
  const record = instance.read();
  const source = stackFile ?? record?.source ?? labStackFile;
  const { text, home } = readStackFile(source);
  const subnet = record?.subnet ?? (await chooseSubnet(instance, source, text, home));
  if (record !== undefined && record.source !== source) instance.write({ ...record, source });
  const moved = withBackup(relocate(text, home, subnet), instance);
  const plan = planSite(parseSite(siteOf(moved).site, source));
  mkdirSync(join(instance.project, "stacks"), { recursive: true });
  writeAtomically(instance.stackFile, keepSalt(moved, instance.stackFile));
  writeAtomically(join(instance.project, "Pulumi.yaml"), projectFile());
  const passphrase = instance.at("passphrase");
  if (!existsSync(passphrase)) writeAtomically(passphrase, randomBytes(24).toString("base64url"));
  return plan;
}

function readStackFile(source: string): { text: string; home: Subnet } {
  let text: string;
  try {
    text = readFileSync(source, "utf8");
  } catch (error) {
    throw new ProblemError("Nothing was changed.", [
      { path: source, reason: `cannot be read: ${(error as Error).message}`, fix: "name an existing stack file" },
    ]);
  }
  const syntax = parseDocument(text).errors.map((error) => ({
    path: source,
    reason: error.message.split("\n")[0] ?? "no YAML",
    fix: "correct the YAML",
  }));
  refuse("The stack file is not YAML; nothing was changed:", syntax);
  const { site, cidr } = siteOf(text);
  // The site's own check goes first: it lists everything that is wrong, the network among it.
  const spec = parseSite(site, source);
  if (spec.provider !== "lab") {
    throw new ProblemError("This is no lab site; nothing was changed:", [
      {
        path: "provider",
        reason: `"${spec.provider}" machines are real`,
        fix: "use `pulumi up` for them, or write provider: lab",
      },
    ]);
  }
  const wanted = { talos: [versionOf(spec.talos)], kubernetes: [versionOf(spec.kubernetes)] };
  const versions = unbuildable(wanted, (what) => `${what}.version`);
  refuse(`The lab has no such machines as ${source} asks for; nothing was changed:`, versions);
  const home = subnetOf(cidr);
  if (typeof home !== "string") throw new ProblemError(`${source} has 1 problem; nothing was changed:`, [home]);
  return { text, home };
}

function versionOf({ version }: { readonly version: string }): string {
  return normaliseVersion(version) ?? version;
}

/** The default instance takes the stack file's own subnet, any other the first that is free; durably. */
async function chooseSubnet(instance: Instance, source: string, text: string, home: Subnet): Promise<Subnet> {
  const held = await holdSubnets();
  try {
    const taken = new Map(instances().map((other) => [other.read()?.subnet, other.name]));
    const isDefault = instance.name === DEFAULT_INSTANCE;
    for (const subnet of isDefault ? [home] : candidates(instance.name)) {
      const holder = taken.get(subnet);
      const busy =
        holder ?? (await firstBusyPort(planSite(parseSite(siteOf(relocate(text, home, subnet)).site, source))));
      if (busy === undefined) {
        instance.write({ subnet, source });
        return subnet;
      }
      if (isDefault)
        throw subnetTaken(
          subnet,
          holder === undefined ? `${busy} is in use by another program` : `the lab instance ${holder} has it`,
        );
    }
    throw new ProblemError("Nothing was changed.", [
      {
        path: "--instance",
        reason: "every loopback subnet for labs is taken",
        fix: "reset an instance you no longer need",
      },
    ]);
  } finally {
    held.release();
  }
}

function subnetTaken(subnet: Subnet, reason: string): ProblemError {
  const fix =
    "end that program (`ss -ltnp` names it), or use an instance of its own: npm run lab -- up --instance NAME";
  return new ProblemError("Nothing was changed.", [{ path: `${subnet}.0/24`, reason, fix }]);
}

/** Ports a site's machines listen on: the Talos API, trustd, the Kubernetes API, etcd. */
const PORTS = [50000, 50001, 6443, 2379, 2380];

/** The first address and port of a site that some program already listens on. */
export async function firstBusyPort(plan: SitePlan): Promise<string | undefined> {
  const hosts = [...plan.nodes.map((node) => node.address), plan.endpoint.address].flatMap((address) =>
    "literal" in address ? [address.literal] : [],
  );
  for (const host of hosts) {
    for (const port of PORTS) {
      if (!(await isFree(host, port))) return `${host}:${port}`;
    }
  }
  return undefined;
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The engine keeps the salt of the passphrase in the stack file: it must survive every new copy. */
function keepSalt(text: string, previous: string): string {
  if (!existsSync(previous)) return text;
  const salt = parseDocument(readFileSync(previous, "utf8")).get("encryptionsalt");
  if (salt === undefined) return text;
  const document = parseDocument(text);
  document.set("encryptionsalt", salt);
  return document.toString({ lineWidth: 0 });
}

/** A site that names no place for its snapshots keeps them beside the instance: they end with it. */
function withBackup(text: string, instance: Instance): string {
  const document = parseDocument(text);
  const path = ["config", "plinth:site", "backup"];
  if (document.hasIn(path)) return text;
  document.setIn(path, document.createNode({ store: { path: instance.at("snapshots") }, passphrase: true }));
  return document.toString({ lineWidth: 0 });
}

/** Pulumi.yaml of an instance: the engine finds plinth's provider by an absolute path. */
function projectFile(): string {
  return `${JSON.stringify(
    {
      name: PROJECT,
      runtime: "nodejs",
      description: "A lab instance; written by plinth, changes here are lost",
      stackConfigDir: "stacks",
      plugins: {
        providers: [{ name: "plinth", path: join(packageRoot, "provider", "bin") }],
        // What starts a policy pack where the engine has no language host for Node.js.
        analyzers: [{ name: "policy-nodejs", path: join(packageRoot, "policies", "bin") }],
      },
    },
    undefined,
    2,
  )}\n`;
}
