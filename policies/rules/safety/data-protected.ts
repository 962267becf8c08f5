import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "data-protected",
  area: "safety",
  kind: "resource",
  sentence: "What holds data must be protected.",
  severity: "high",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents: "A renamed resource is a deleted one: the volume claim goes, and the volume with it.",
  fix: "Set protect: true, or retainOnDelete: true and an exemption that says where the data is kept.",
  types: [
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:core/v1:PersistentVolume",
    "hcloud:index/volume:Volume",
    "vultr:index/blockStorage:BlockStorage",
  ],
  check: ({ protect }) => (protect ? [] : [{ path: "protect", reason: "it is not set" }]),
};
