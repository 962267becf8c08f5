import { talosProblems } from "../../../components/talos/releases";
import { CLUSTER } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "talos-version-known",
  area: "cluster",
  kind: "resource",
  sentence: "A cluster must run a Talos version that plinth has data for.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "A path into a version nobody knows anything of is a guess (siderolabs/talos#7090, #8989).",
  fix: "Use a released version of a known minor.",
  types: [CLUSTER],
  check: ({ props }) => talosProblems("talosVersion", props.talosVersion),
};
