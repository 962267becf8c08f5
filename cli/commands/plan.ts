import { type Command, Option } from "commander";
import { drawPhases, mermaidPhases } from "../../components/kubernetes/draw";
import { countUse } from "../../components/licensing/count";
import { drawSite } from "../../components/site/draw";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { addressText, endpointText } from "../../components/site/pools";
import { sitePhases, siteSteps } from "../../components/site/steps";
import { table } from "../table";

/** `plinth plan`: what a site file means, before anything is made. */
export function registerPlan(program: Command): void {
  program
    .command("plan")
    .description("check a stack file and show what it means")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .addOption(
      new Option(
        "--format <format>",
        "text, json, a picture of the site (svg), or the phases from its first machine to its platform (phases as svg, mermaid)",
      )
        .choices(["text", "json", "svg", "phases", "mermaid"])
        .default("text"),
    )
    .action((file: string, options: { format: keyof typeof SHOW }) => {
      process.stdout.write(SHOW[options.format](planSite(parseSite(readSiteFile(file), file))));
    });
}

const SHOW = {
  svg: drawSite,
  json: (plan: SitePlan) => `${JSON.stringify(plan, undefined, 2)}\n`,
  text: planText,
  phases: (plan: SitePlan) => drawPhases(`The way of ${plan.name}`, sitePhases(plan)),
  mermaid: (plan: SitePlan) => mermaidPhases(sitePhases(plan)),
};

function planText(plan: SitePlan): string {
  const rows = plan.nodes.map((node) => [
    node.key,
    node.type,
    addressText(node.address),
    node.mac || "-",
    node.arch,
    node.failureDomain ?? "-",
  ]);
  return [
    `${plan.name} (${plan.domain}) · ${plan.provider} · Talos ${plan.talos.version}, contract ${plan.talos.configContract} · Kubernetes ${plan.kubernetes.version}`,
    `API ${endpointText(plan.endpoint)}${plan.endpoint.vip ? " (shared)" : ""} · image ${plan.talos.installer}`,
    ...(plan.licence === undefined ? [] : [`Licence counts ${useText(plan)}`]),
    "",
    ...table([["MACHINE", "ROLE", "ADDRESS", "MAC", "ARCH", "DOMAIN"], ...rows]),
    "",
    ...wayText(plan),
    ...plan.warnings.map((warning) => `\nwarning: ${warning}`),
    "",
  ].join("\n");
}

function useText(plan: SitePlan): string {
  const { nodes, gpus, features } = countUse(plan);
  return [`${nodes} machines`, ...(gpus > 0 ? [`${gpus} GPUs`] : []), ...features].join(", ");
}

/** Every step of the site's machines, its cluster and its platform: when it is done, by phases. */
function wayText(plan: SitePlan): string[] {
  const services = plan.platform?.services ?? [];
  const done = new Map([
    ...siteSteps(plan).map(({ name, gate }) => [name, gate] as const),
    ...services.map(({ name, exit }) => [name, Object.keys(exit).join("; ")] as const),
  ]);
  const rows = sitePhases(plan).flatMap((phase, index) =>
    phase.services.map((name, at) => [
      at === 0 ? String(index + 1) : "",
      name,
      done.get(name) || "it comes with the cluster",
    ]),
  );
  return table([["PHASE", "STEP", "DONE WHEN"], ...rows]);
}
