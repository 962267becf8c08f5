import { findTalosRelease } from "../../../components/talos/releases";
import { imageReference } from "../../look/kubernetes";
import { inside, MACHINES, machines, machineValues } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "installer-exists",
  area: "supply-chain",
  kind: "resource",
  sentence: "A machine must install an image of one Talos version that is published.",
  severity: "high",
  levels: always("mandatory"),
  prevents:
    "From 1.14 on ghcr.io/siderolabs/installer is no longer published, and a floating installer reinstalls another version.",
  fix: "Use factory.talos.dev/metal-installer/<schematic>:<version>.",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) => {
      const image = machineValues(machine, "machine.install.image")[0];
      if (typeof image !== "string") return [];
      const { name, tag = "" } = imageReference(image);
      const release = findTalosRelease(tag);
      const path = inside(machine, "machine.install.image");
      if (!/^v\d+\.\d+\.\d+/.test(tag)) return [{ path, reason: `"${image}" has no version` }];
      const gone = name === "ghcr.io/siderolabs/installer" && release?.plainInstaller === false;
      return gone ? [{ path, reason: `there is no ${image}` }] : [];
    }),
};
