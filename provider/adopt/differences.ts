/** Between what machines run and what plinth would have them run, by path; no value is ever told. */
import { stringify } from "yaml";
import { type SecretsBundle, talosctlSecrets } from "../../components/adopt/bundle";
import { keyed, siteOf } from "../../components/adopt/site";
import { nodeModel } from "../../components/site/nodes";
import { parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import type { SiteFile } from "../../components/site/spec";
import { nodePatches } from "../../components/talos/config/render";
import { configImpact, type Impact } from "../../components/talos/impact";
import { CONTRACTS, type Contract, defaultContract, findTalosRelease } from "../../components/talos/releases";
import { talosctl } from "../talosctl/client";
import { run, secretPath, talosctlBinary } from "../talosctl/run";
import { TalosError } from "../talosctl/talos";
import type { Read } from "./read";

const SECONDS = 30;

/** A cluster as a site file, and what that file would change on each machine. */
export interface Adoption {
  readonly site: SiteFile;
  readonly differences: ReadonlyMap<string, readonly Impact[]>;
}

/** Under the contract that comes closest to what runs. */
export async function adoption(
  read: readonly Read[],
  bundle: SecretsBundle,
  options: { readonly domain: string; readonly provider: SiteFile["provider"] },
  signal: AbortSignal,
): Promise<Adoption> {
  const newest = CONTRACTS.indexOf(defaultContract(read[0]?.facts.talos ?? ""));
  let best: Adoption | undefined;
  for (const contract of CONTRACTS.slice(0, newest + 1).reverse()) {
    const site = siteOf(
      read.map(({ facts }) => facts),
      { ...options, contract },
    );
    const differences = await differencesOf(planSite(parseSite(site, "the adopted site")), read, bundle, signal);
    if (best === undefined || count(differences) < count(best.differences)) best = { site, differences };
  }
  if (best === undefined) throw new Error("unreachable: there is a contract");
  return best;
}

const count = (differences: Adoption["differences"]): number =>
  [...differences.values()].reduce((sum, impacts) => sum + impacts.length, 0);

async function differencesOf(
  plan: SitePlan,
  read: readonly Read[],
  bundle: SecretsBundle,
  signal: AbortSignal,
): Promise<Adoption["differences"]> {
  const talos = talosctl(bundle.clientConfiguration, (text) => text);
  const { configContract } = plan.talos;
  const vip = plan.endpoint.vip && "literal" in plan.endpoint.address ? { vip: plan.endpoint.address.literal } : {};
  const bases = new Map<string, string>();
  const found = new Map<string, readonly Impact[]>();
  const runs = new Map(read.map(({ facts, configuration }) => [facts, configuration] as const));
  for (const [key, facts] of keyed(read.map(({ facts: each }) => each))) {
    const node = plan.nodes.find((each) => each.key === key);
    if (node === undefined) throw new Error(`unreachable: every machine is in the plan, ${key} too`);
    const base = bases.get(node.type) ?? (await generated(plan, node.type, configContract, bundle, signal));
    bases.set(node.type, base);
    const patches = nodePatches(nodeModel(plan, node, { address: facts.address, ...vip }), configContract);
    const wanted = await talos.render(base, patches, signal);
    const release = findTalosRelease(facts.talos)?.latest ?? facts.talos;
    found.set(key, configImpact(runs.get(facts) ?? "", wanted, release));
  }
  return found;
}

/** The configuration of a role as Talos' own generator makes it, which is what the talos provider runs. */
async function generated(
  plan: SitePlan,
  role: string,
  contract: Contract,
  { machineSecrets }: SecretsBundle,
  signal: AbortSignal,
): Promise<string> {
  const { address, port } = plan.endpoint;
  const host = "literal" in address ? address.literal : "";
  const args = [
    ...["gen", "config", plan.name, `https://${host.includes(":") ? `[${host}]` : host}:${port}`],
    ...["--with-secrets", secretPath(0), "--with-docs=false", "--with-examples=false", "--output", "-"],
    ...["--output-types", role, "--talos-version", contract],
    ...["--kubernetes-version", plan.kubernetes.version.replace(/^v/, "")],
  ];
  const secrets = [stringify(talosctlSecrets(machineSecrets))];
  const output = await run(talosctlBinary(), { node: "", args, secrets, seconds: SECONDS, signal });
  if (output.code !== 0) throw new TalosError("other", "", "talosctl gen config does not accept the cluster's secrets");
  return output.stdout;
}
