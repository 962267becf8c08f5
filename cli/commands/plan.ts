import { type Command, Option } from "commander";
import { countUse } from "../../components/licensing/count";
import { drawSite } from "../../components/site/draw";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { addressText, endpointText } from "../../components/site/pools";

/** `plinth plan`: what a site file means, before anything is made. */
export function registerPlan(program: Command): void {
  program
    .command("plan")
    .description("check a stack file and show what it means")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .addOption(new Option("--format <format>", "how to show it").choices(["text", "json", "svg"]).default("text"))
    .action((file: string, options: { format: "text" | "json" | "svg" }) => {
      process.stdout.write(SHOW[options.format](planSite(parseSite(readSiteFile(file), file))));
    });
}

const SHOW = {
  svg: drawSite,
  json: (plan: SitePlan) => `${JSON.stringify(plan, undefined, 2)}\n`,
  text: planText,
};

function planText(plan: SitePlan): string {
  const rows = plan.nodes.map((node) => [
    node.key,
    node.type,
    addressText(node.address),
    node.mac,
    node.arch,
    node.failureDomain ?? "-",
  ]);
  return [
    `${plan.name} (${plan.domain}) · ${plan.provider} · Talos ${plan.talos.version}, contract ${plan.talos.configContract} · Kubernetes ${plan.kubernetes.version}`,
    `API ${endpointText(plan.endpoint)}${plan.endpoint.vip ? " (shared)" : ""} · image ${plan.talos.installer}`,
    ...(plan.licence === undefined ? [] : [`Licence counts ${useText(plan)}`]),
    "",
    ...table([["MACHINE", "ROLE", "ADDRESS", "MAC", "ARCH", "DOMAIN"], ...rows]),
    ...plan.warnings.map((warning) => `\nwarning: ${warning}`),
    "",
  ].join("\n");
}

function useText(plan: SitePlan): string {
  const { nodes, gpus, features } = countUse(plan);
  return [`${nodes} machines`, ...(gpus > 0 ? [`${gpus} GPUs`] : []), ...features].join(", ");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
