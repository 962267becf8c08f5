import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type Problem, ProblemError, refuse } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { type ClusterVersions, formatHop, type Hop } from "../../components/talos/hop";
import { pathProblems, type UpgradePath, upgradePath } from "../../components/talos/path";
import { CONTRACTS } from "../../components/talos/releases";
import { type PastStep, rollbackPlan } from "../../components/talos/rollback";
import { normaliseVersion } from "../../components/talos/version";
import { storedSteps, storedVersions } from "../../provider/talos/stored";

interface Options {
  readonly from?: string;
  readonly state?: string;
  readonly allowDowngrade?: true;
}

/** `plinth upgrade …`: the way from what runs to what a stack file asks for, and the way back. */
export function registerUpgrade(program: Command): void {
  const upgrade = program.command("upgrade").description("the way between versions, step by step; changes nothing");

  withOptions(upgrade.command("plan"))
    .description("show the steps from what runs to what a stack file asks for, or prove that there are none")
    .action((file: string, options: Options) => {
      const plan = planSite(parseSite(readSiteFile(file), file));
      const from = running(plan, options);
      process.stdout.write(pathText(plan, from, wayTo(plan, from, options)));
    });

  withOptions(upgrade.command("rollback"))
    .description(
      "say for each step that was made how it is undone and what stands against it; where the state knows of none, for the steps ahead",
    )
    .option("--snapshot <name>", "an etcd snapshot taken right before the first of the steps ahead")
    .action((file: string, options: Options & { readonly snapshot?: string }) => {
      const plan = planSite(parseSite(readSiteFile(file), file));
      const from = running(plan, options);
      const { state } = options;
      const made = state === undefined ? [] : storedSteps(readFileSync(state, "utf8"), state, plan.name);
      process.stdout.write(
        made.length > 0
          ? undoText(plan, made, from)
          : rollbackText(plan, from, wayTo(plan, from, options), options.snapshot),
      );
    });
}

function withOptions(command: Command): Command {
  return command
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .option("--state <file>", "output of `pulumi stack export`: what ran at the last update or refresh")
    .option(
      "--from <versions>",
      "what runs, as talos=v1.13.0,kubernetes=v1.36.3,contract=v1.13; left out: as the file asks",
    )
    .option("--allow-downgrade", "permit steps back to an older version");
}

/** What runs now, by the state or by word. */
function running(plan: SitePlan, { from, state }: Options): ClusterVersions {
  if ((from === undefined) === (state === undefined)) {
    throw new ProblemError("What runs now is not known:", [
      {
        path: "--from",
        reason: from === undefined ? "neither --state nor --from is given" : "--state and --from are both given",
        fix: "give one: --state with the output of `pulumi stack export`, or --from talos=v1.13.0,kubernetes=v1.36.3",
      },
    ]);
  }
  return from === undefined
    ? storedVersions(readFileSync(state ?? "", "utf8"), state ?? "", plan.name)
    : versionsOf(plan, from);
}

/** Every node runs the same; an axis that is not named runs what the file asks for. */
function versionsOf(plan: SitePlan, text: string): ClusterVersions {
  const given = new Map(text.split(",").map((part) => [part.split("=")[0]?.trim(), part.split("=")[1]?.trim() ?? ""]));
  const problems: Problem[] = [];
  const refuseAxis = (axis: string, reason: string): void => {
    problems.push({
      path: `--from ${axis}`,
      reason,
      fix: "write it as talos=v1.13.0,kubernetes=v1.36.3,contract=v1.13",
    });
  };
  for (const axis of given.keys()) {
    if (!["talos", "kubernetes", "contract"].includes(axis ?? "")) refuseAxis(axis ?? "", "is no axis of an upgrade");
  }
  const version = (axis: "talos" | "kubernetes", otherwise: string): string => {
    const normal = normaliseVersion(given.get(axis) ?? otherwise);
    if (normal === undefined) refuseAxis(axis, `"${given.get(axis)}" is not a full version`);
    return normal ?? otherwise;
  };
  const nodeVersions = {
    talos: version("talos", plan.talos.version),
    kubernetes: version("kubernetes", plan.kubernetes.version),
  };
  const wanted = given.get("contract") ?? plan.talos.configContract;
  const contract = CONTRACTS.find((known) => known === wanted || known === `v${wanted}`);
  if (contract === undefined) refuseAxis("contract", `"${wanted}" is none of ${CONTRACTS.join(", ")}`);
  refuse("What runs now is not known:", problems);
  return {
    nodes: Object.fromEntries(plan.nodes.map(({ key }) => [key, nodeVersions])),
    contract: contract ?? plan.talos.configContract,
  };
}

function wayTo(plan: SitePlan, from: ClusterVersions, { allowDowngrade }: Options): UpgradePath {
  const to = {
    talos: plan.talos.version,
    kubernetes: plan.kubernetes.version,
    contract: plan.talos.configContract,
  };
  const { available } = plan.upgrade.settings ?? {};
  return upgradePath(from, to, {
    allowDowngrade: allowDowngrade ?? plan.talos.allow.includes("downgrade"),
    ...(available !== undefined && { available }),
  });
}

/** The steps, or the proof; a proof ends the command with its code 1. */
function pathText(plan: SitePlan, from: ClusterVersions, path: UpgradePath): string {
  const steps = path.hops.map((hop, place) => `  ${place + 1}. ${formatHop(hop)}\n`).join("");
  if (!path.possible) {
    const reached = steps === "" ? "no step is legal" : `legal steps end after:\n${steps.trimEnd()}`;
    throw new ProblemError(`${plan.name}: there is no way (${reached})`, pathProblems("site", path));
  }
  if (path.hops.length === 0) return `${plan.name}: nothing to do, it runs what the file asks for\n`;
  return `${plan.name}: ${counted(path.hops)} from ${summary(from)}\n${steps}`;
}

function rollbackText(plan: SitePlan, from: ClusterVersions, path: UpgradePath, snapshot: string | undefined): string {
  if (!path.possible || path.hops.length === 0) return pathText(plan, from, path);
  const now = {
    nodes: Object.fromEntries(
      Object.keys(from.nodes).map((key) => [key, { talos: plan.talos.version, kubernetes: plan.kubernetes.version }]),
    ),
    contract: plan.talos.configContract,
  };
  const steps = path.hops.map((hop, place) => ({ hop, ...(place === 0 && snapshot !== undefined && { snapshot }) }));
  return undoText(plan, steps, now);
}

/** The way back over steps, newest first. */
function undoText(plan: SitePlan, steps: readonly PastStep[], now: ClusterVersions): string {
  const controlPlanes = plan.nodes.filter(({ type }) => type === "controlplane").map(({ key }) => key);
  const lines = rollbackPlan({ steps, now, controlPlanes }).map(({ step, kind, automatic, first, reason }) => {
    const hop = steps[step]?.hop;
    const order = first.length === 0 ? "" : ` (after step ${first.map((other) => other + 1).join(", ")})`;
    const who = automatic || kind === "none" ? "" : ", by a person";
    return `  ${step + 1}. ${hop === undefined ? "" : formatHop(hop)}\n     ${kind}${who}${order}: ${reason}\n`;
  });
  return `${plan.name}: the way back from ${summary(now)}, newest step first\n${lines.join("")}`;
}

function counted(hops: readonly Hop[]): string {
  return `${hops.length} step${hops.length === 1 ? "" : "s"}`;
}

function summary({ nodes, contract }: ClusterVersions): string {
  const distinct = (axis: "talos" | "kubernetes") =>
    [...new Set(Object.values(nodes).map((node) => node[axis]))].sort().join(" and ");
  return `Talos ${distinct("talos")}, Kubernetes ${distinct("kubernetes")}, contract ${contract}`;
}
