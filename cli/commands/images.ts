import { type Command, Option } from "commander";
import { chartPin, chartSource } from "../../components/release/versions";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { type Pull, registryOf, sitePulls } from "../../components/site/pulls";
import { table } from "../table";

/** `plinth images`: what a registry has to hold for a site that reaches nothing else. */
export function registerImages(program: Command): void {
  program
    .command("images")
    .description("list every image and chart of a stack file, for the mirror of a site without a way out")
    .argument("<file>", "stack file, as stacks/Pulumi.appliance.yaml")
    .addOption(
      new Option("--format <format>", "text, json, or the images alone, one a line (list)")
        .choices(["text", "json", "list"])
        .default("text"),
    )
    .action((file: string, { format }: { format: keyof typeof SHOW }) => {
      const plan = planSite(parseSite(readSiteFile(file), file));
      const pulls = sitePulls(plan);
      process.stdout.write(SHOW[format](plan, pulls));
      const untold = pulls.filter(isUntold);
      if (untold.length === 0) return;
      const names = untold.map(({ image }) => image).join(", ");
      const { talos, kubernetes } = plan;
      console.error(
        `plinth does not know the tags that Talos ${talos.version} has of ${names}: talosctl of that version tells them, talosctl image k8s-bundle --k8s-version ${kubernetes.version}`,
      );
    });
}

const SHOW = {
  text: imagesText,
  json: (plan: SitePlan, pulls: readonly Pull[]) =>
    `${JSON.stringify({ images: pulls, charts: chartsOf(plan) }, undefined, 2)}\n`,
  list: (_: SitePlan, pulls: readonly Pull[]) =>
    pulls
      .filter((pull) => !isUntold(pull))
      .map(({ image }) => `${image}\n`)
      .join(""),
};

function isUntold({ image }: Pull): boolean {
  return !/[:@]/.test(image.split("/").at(-1) ?? "");
}

function imagesText(plan: SitePlan, pulls: readonly Pull[]): string {
  const mirrors = plan.talos.mirrors ?? {};
  const from = (image: string) => (mirrors[registryOf(image)] ?? mirrors["*"])?.endpoints.join(", ") ?? "its registry";
  const images = pulls.map(({ image, wanted }) => [image, wanted, from(image)]);
  const charts = chartsOf(plan).map(({ chart, version, from }) => [chart, version, from]);
  return [
    ...table([["IMAGE", "FOR", "FROM"], ...images]),
    ...(charts.length === 0 ? [] : ["", ...table([["CHART", "VERSION", "FROM"], ...charts])]),
    "",
  ].join("\n");
}

/** Charts are fetched by the computer that runs plinth, not by the machines. */
function chartsOf({ platform }: SitePlan) {
  const registry = platform?.mirror;
  return (platform?.services ?? []).flatMap(({ chart }) => {
    if (chart === undefined) return [];
    const pin = chartPin(chart.name);
    const source = chartSource(chart.name, pin, registry === undefined ? {} : { registry });
    return [{ chart: chart.name, version: pin.version, from: source.repository ?? source.chart }];
  });
}
