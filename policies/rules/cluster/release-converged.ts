import { RELEASE } from "../../look/talos";
import { always, type StateRule } from "../../rule";

export const rule: StateRule = {
  name: "release-converged",
  area: "cluster",
  kind: "state",
  sentence: "The last change of a cluster must have been finished.",
  severity: "high",
  levels: always("advisory"),
  prevents: "A cluster left between two versions is one failure away from needing its snapshot.",
  fix: "Run pulumi up again: it goes on where the last one stopped.",
  check: ({ resources }) =>
    resources
      .filter(({ type, raw }) => type === RELEASE && raw.outputs.phase !== "converged")
      .map(({ name, urn }) => ({ path: name, reason: "its last run stopped on the way", urn })),
};
