import { basename, dirname } from "node:path";
import { LocalWorkspace } from "@pulumi/pulumi/automation";
import { projectFile } from "../../components/discovery";
import { ProblemError } from "../../components/problem";
import type { Builder } from "./rebuild";

/** Builds with the engine that a person uses, in the project that a stack file belongs to. */
export async function projectBuilder(file: string): Promise<Builder> {
  const stack = await LocalWorkspace.selectStack(stackOf(file));
  const onOutput = (text: string): boolean => process.stdout.write(text);
  return {
    stack,
    env: process.env,
    say: (line) => console.log(line),
    destroy: () =>
      step(
        "the old cluster is not taken down",
        "mend what it says above, then run the same command again; if it then finds no cluster, run `pulumi up`",
        () => stack.destroy({ onOutput, excludeProtected: true }),
      ),
    up: () =>
      step(
        "the new cluster is not up",
        "mend what it says above, then run `pulumi up`: everything that was to be wiped is wiped",
        () => stack.up({ onOutput }),
      ),
  };
}

/** The stack whose file it is, and its project. */
export function stackOf(file: string): { readonly stackName: string; readonly workDir: string } {
  const stackName = /^Pulumi\.(.+)\.ya?ml$/.exec(basename(file))?.[1];
  const project = projectFile(dirname(file));
  if (stackName !== undefined && project !== undefined) return { stackName, workDir: dirname(project) };
  const reason =
    stackName === undefined ? "is no stack's file" : "lies in no project: there is no Pulumi.yaml above it";
  const fix = "name a file of your project, as stacks/Pulumi.home.yaml";
  throw new ProblemError("Nothing was changed.", [{ path: file, reason, fix }]);
}

/** The engine has said why it stopped; what is left to say is the way on. */
async function step(reason: string, fix: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch {
    throw new ProblemError("The rebuild stopped.", [{ path: "", reason, fix }]);
  }
}
