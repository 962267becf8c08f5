import { basename, dirname } from "node:path";
import { LocalWorkspace } from "@pulumi/pulumi/automation";
import type { Command } from "commander";
import { projectFile } from "../../components/discovery";
import { ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { rebuild } from "../rebuild/rebuild";

/** `plinth rebuild`: a cluster destroyed and built again, the same one. */
export function registerRebuild(program: Command): void {
  program
    .command("rebuild")
    .description("wipe a cluster's machines and build it again, with the same addresses and identity; asks once")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .option("--yes", "do not ask")
    .action(async (file: string, { yes }: { yes?: true }) => {
      const plan = planSite(parseSite(readSiteFile(file), file));
      const { stackName, workDir } = stackOf(file);
      const stack = await LocalWorkspace.selectStack({ stackName, workDir });
      const onOutput = (text: string): boolean => process.stdout.write(text);
      const say = (line: string): void => console.log(line);
      const builder = {
        ...{ stack, env: process.env, say },
        destroy: () => step("The old cluster", () => stack.destroy({ onOutput, excludeProtected: true })),
        up: () => step("The new cluster", () => stack.up({ onOutput })),
      };
      await rebuild(plan, builder, yes === true);
    });
}

/** The stack whose file it is, and its project. */
function stackOf(file: string): { readonly stackName: string; readonly workDir: string } {
  const stackName = /^Pulumi\.(.+)\.ya?ml$/.exec(basename(file))?.[1];
  const project = projectFile(dirname(file));
  if (stackName !== undefined && project !== undefined) return { stackName, workDir: dirname(project) };
  const reason =
    stackName === undefined ? "is no stack's file" : "lies in no project: there is no Pulumi.yaml above it";
  const fix = "name a file of your project, as stacks/Pulumi.home.yaml";
  throw new ProblemError("Nothing was changed.", [{ path: file, reason, fix }]);
}

/** The engine has said why it stopped; what is left to say is the way on. */
async function step(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch {
    const fix =
      what === "The old cluster"
        ? "mend what it says above, then run the same command again; if it then finds no cluster, run `pulumi up`"
        : "mend what it says above, then run `pulumi up`: everything that was to be wiped is wiped";
    throw new ProblemError("The rebuild stopped.", [{ path: "", reason: `${what} is not done`, fix }]);
  }
}
