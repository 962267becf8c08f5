import type { Command } from "commander";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";

/** `plinth rebuild`: a cluster destroyed and built again, the same one. The engine's modules are loaded only then. */
export function registerRebuild(program: Command): void {
  program
    .command("rebuild")
    .description("wipe a cluster's machines and build it again, with the same addresses and identity; asks once")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .option("--yes", "do not ask")
    .action(async (file: string, { yes }: { yes?: true }) => {
      const plan = planSite(parseSite(readSiteFile(file), file));
      const { projectBuilder } = await import("../rebuild/project.js");
      const { rebuild } = await import("../rebuild/rebuild.js");
      await rebuild(plan, await projectBuilder(file), yes === true);
    });
}
