import { controlPlaneProblems } from "../../../components/talos/quorum";
import { CLUSTER } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "control-planes-odd",
  area: "cluster",
  kind: "resource",
  sentence: "A cluster must have an odd number of control planes.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "Two control planes stop when either of them does (siderolabs/talos#9276, siderolabs/omni#1302).",
  fix: "Use one, three or five control planes.",
  types: [CLUSTER],
  check: ({ props }) => controlPlaneProblems("controlPlanes", props.controlPlanes),
};
