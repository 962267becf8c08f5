import { checkSchematic } from "../../boot/schematic";
import type { Problem } from "../../problem";
import { contractProblems, kubernetesProblems, talosProblems } from "../../talos/releases";
import { normaliseVersion } from "../../talos/version";
import { type Draft, list } from "./draft";

/** Versions that exist and go together, and an image that can be named. */
export function checkTalos({ talos, kubernetes }: Draft): Problem[] {
  const strings = (value: unknown) => list(value).filter((item) => typeof item === "string");
  const problems = checkVersions(talos, kubernetes);
  const extensions = strings(talos.extensions);
  const kernelArgs = strings(talos.kernelArgs);
  problems.push(...checkSchematic({ extensions, kernelArgs }, "talos"));
  if (talos.schematic !== undefined && extensions.length + kernelArgs.length > 0) {
    problems.push({
      path: "talos.schematic",
      reason: "stands beside extensions or kernelArgs",
      fix: "name either the id or what the image is made of",
    });
  }
  return problems;
}

/** Versions that are none at all are the schema's to report. */
function checkVersions(talos: Record<string, unknown>, kubernetes: Record<string, unknown>): Problem[] {
  const wanted = typeof talos.version === "string" ? normaliseVersion(talos.version) : undefined;
  const wantedKubernetes = typeof kubernetes.version === "string" ? normaliseVersion(kubernetes.version) : undefined;
  const problems: Problem[] = [];
  if (wanted !== undefined) problems.push(...talosProblems("talos.version", wanted));
  if (wantedKubernetes !== undefined)
    problems.push(...kubernetesProblems("kubernetes.version", wanted ?? "", wantedKubernetes));
  const contract = talos.configContract;
  if (wanted !== undefined && typeof contract === "string") {
    problems.push(...contractProblems("talos.configContract", contract, wanted));
  }
  return problems;
}
