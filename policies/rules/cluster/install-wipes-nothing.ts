import { inside, MACHINES, machines, machineValues } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "install-wipes-nothing",
  area: "cluster",
  kind: "resource",
  sentence: "A machine's lasting configuration must not ask for a wipe.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "A wish to wipe that stays in a configuration is granted again at the next network boot (siderolabs/sidero#1321).",
  fix: "Take it out; a wipe is a permission of its own that is used up (plinth boot).",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) => {
      const wipe = machineValues(machine, "machine.install.wipe")[0] === true;
      const kernel = machineValues(machine, "machine.install.extraKernelArgs").flat().map(String);
      return [
        ...(wipe ? [{ path: inside(machine, "machine.install.wipe"), reason: "it is true" }] : []),
        ...kernel
          .filter((argument) => argument.startsWith("talos.experimental.wipe="))
          .map((argument) => ({
            path: inside(machine, "machine.install.extraKernelArgs"),
            reason: `there is ${argument}`,
          })),
      ];
    }),
};
