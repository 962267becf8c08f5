import { contractProblems } from "../../../components/talos/releases";
import { CLUSTER } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "contract-fits-talos",
  area: "cluster",
  kind: "resource",
  sentence: "Configurations must be written in a format that the machines can read.",
  severity: "high",
  levels: always("mandatory"),
  prevents:
    "The contract was taken for the version to install (siderolabs/terraform-provider-talos#381): machines refuse fields newer than themselves.",
  fix: "Set configContract to the Talos minor or an older one.",
  types: [CLUSTER],
  check: ({ props }) => contractProblems("configContract", props.configContract, props.talosVersion),
};
