import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { ProblemError } from "../../components/problem";
import type { Instance } from "../instance/instance";
import { readIngredients } from "../status/ingredients";
import { command } from "../status/summary";

/** Runs kubectl, talosctl or helm with the instance's access files; returns its exit code. */
export async function runTool(
  instance: Instance,
  name: "kubectl" | "talosctl" | "helm",
  args: readonly string[],
): Promise<number> {
  const tools = readIngredients(instance)?.tools;
  const tool = tools?.[name];
  if (tools !== undefined && tool === undefined) {
    throw new ProblemError(`There is no ${name}.`, [
      {
        path: instance.name,
        reason: "this lab instance has no platform",
        fix: `bring one up with: ${command({ instance: instance.name }, "up --site stacks/Pulumi.lab-platform.yaml")}`,
      },
    ]);
  }
  if (tool === undefined || !existsSync(instance.kubeconfig)) {
    const fix = `bring it up with: ${command({ instance: instance.name }, "up")}`;
    throw new ProblemError("There is no cluster to speak to.", [
      { path: instance.name, reason: "this lab instance is not up", fix },
    ]);
  }
  return inTerminal(tool.path, args, { KUBECONFIG: instance.kubeconfig, TALOSCONFIG: instance.talosconfig });
}

/** Prints the log of the simulated machines; returns the exit code. */
export async function logs(
  instance: Instance,
  options: { readonly follow?: boolean; readonly lines: string },
): Promise<number> {
  const file = instance.at("rig.log");
  if (!existsSync(file)) {
    throw new ProblemError("There are no logs.", [
      {
        path: instance.name,
        reason: "this lab instance never ran",
        fix: `bring it up with: ${command({ instance: instance.name }, "up")}`,
      },
    ]);
  }
  return inTerminal("tail", ["-n", options.lines, ...(options.follow ? ["-F"] : []), file], {});
}

function inTerminal(path: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const child = spawn(path, args, { stdio: "inherit", env: { ...process.env, ...env } });
  // Ctrl-C is for the tool: it decides, and this process ends with it.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      process.off("SIGINT", ignore);
      resolve(code ?? 1);
    });
  });
}
