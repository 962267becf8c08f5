import { loadProfile, profileNames } from "../../hardware/profile";
import type { Problem } from "../../problem";
import { type Draft, list } from "./draft";

/** A machine's profile fits its architecture, and the image has what the profile needs. */
export function checkDeclaredHardware({ machines, talos }: Draft): Problem[] {
  const names = profileNames();
  return machines.flatMap(({ key, raw }): Problem[] => {
    const name = raw.hardware;
    if (typeof name !== "string" || !names.includes(name)) return [];
    const profile = loadProfile(name);
    const arch = raw.arch ?? "amd64";
    const problems: Problem[] = [];
    if (arch !== profile.arch) {
      const fix = `write arch: ${profile.arch}, or another profile`;
      problems.push({
        path: `machines.${key}.hardware`,
        reason: `a ${profile.name} is ${profile.arch}, not ${arch}`,
        fix,
      });
    }
    if (talos.schematic !== undefined) return problems;
    for (const what of ["extensions", "kernelArgs"] as const) {
      for (const each of profile[what].filter((wanted) => !list(talos[what]).includes(wanted))) {
        const fix = "add it: every machine of that kind needs it";
        problems.push({ path: `talos.${what}`, reason: `${each} is missing for ${key}, a ${profile.name}`, fix });
      }
    }
    return problems;
  });
}
