import { documentsOfKind, inside, MACHINES, machines, machineValues } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "disk-found-by-identity",
  area: "cluster",
  kind: "resource",
  sentence: "A machine must find its installation disk by what the disk is, not by the place it has today.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "Device names move between boots: an installation ends on the disk that holds data.",
  fix: "Select it by wwid or serial (talosctl get disks shows them).",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) => {
      const selected = machineValues(machine, "machine.install.diskSelector").length > 0;
      const disk = machineValues(machine, "machine.install.disk")[0];
      const unattended = documentsOfKind(machine, "UnattendedInstallConfig").filter((document) =>
        JSON.stringify(document).includes("disk.dev_path"),
      );
      const classic = typeof disk === "string" && disk.startsWith("/dev/") && !disk.startsWith("/dev/disk/by-id/");
      return [
        ...(classic && !selected
          ? [{ path: inside(machine, "machine.install.disk"), reason: `${disk} is a place` }]
          : []),
        ...unattended.map(() => ({
          path: inside(machine, "UnattendedInstallConfig"),
          reason: "the disk is selected by disk.dev_path",
        })),
      ];
    }),
};
