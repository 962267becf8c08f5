import type { Command } from "commander";
import { buildMedia, type MediaPlan, planMedia, qemuCommand } from "../../bootserver/media";
import type { Arch } from "../../components/boot/assets";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";

/** `plinth media …`: what the machines of a site boot from. */
export function registerMedia(program: Command): void {
  const media = program.command("media").description("boot media: ISO, kernel and initramfs of a site's image");

  media
    .command("plan")
    .description("show the image of a stack file and where its files are; fetches nothing")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .action((file: string) => {
      for (const plan of plansOf(file)) console.log(mediaText(plan));
    });

  media
    .command("build")
    .description("fetch the files from the Image Factory, with checksums, for media and `plinth boot serve --images`")
    .argument("<file>", "stack file")
    .argument("<folder>", "where the files go")
    .action(async (file: string, folder: string) => {
      for (const plan of plansOf(file)) {
        await buildMedia(plan, folder, (line) => console.log(line));
        console.log(`\ntry it:\n${qemuCommand(plan)}`);
      }
    });
}

/** One image an architecture of the site. */
function plansOf(file: string): MediaPlan[] {
  const spec = parseSite(readSiteFile(file), file);
  const { talos, nodes } = planSite(spec);
  const { factory, secureBoot } = spec.talos;
  return [...new Set<Arch>(nodes.map(({ arch }) => arch))].map((arch) =>
    planMedia(
      { schematic: talos.schematic.id, version: talos.version, arch, factory, secureBoot },
      talos.schematic.yaml,
    ),
  );
}

function mediaText(plan: MediaPlan): string {
  const { schematic, version, arch } = plan.source;
  return [
    `Talos ${version} for ${arch}, schematic ${schematic}`,
    ...(plan.yaml ?? "made elsewhere: only its id is known\n")
      .trimEnd()
      .split("\n")
      .map((line) => `    ${line}`),
    ...plan.files.map((url) => `  ${url}`),
    "",
  ].join("\n");
}
