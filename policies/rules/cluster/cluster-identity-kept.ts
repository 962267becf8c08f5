import { endings, word } from "../../look/change";
import { BOOTSTRAP, RELEASE, SECRETS, TALOS_BOOTSTRAP } from "../../look/talos";
import { always, type ChangeRule } from "../../rule";

const IDENTITY = [SECRETS, BOOTSTRAP, TALOS_BOOTSTRAP, RELEASE];

export const rule: ChangeRule = {
  name: "cluster-identity-kept",
  area: "cluster",
  kind: "change",
  provider: "It never replaces a cluster's bootstrap or release; that one is deleted it cannot tell from a destroy.",
  sentence: "An update must not replace or delete what identifies a running cluster.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "New secrets lock everybody out of a cluster that still runs (budimanjojo/talhelper#926).",
  fix: "Undo the change; to end a cluster, destroy its stack.",
  check: (steps) =>
    endings(steps)
      .filter(({ type }) => IDENTITY.includes(type))
      .map((step) => ({ path: step.name, reason: `${step.type} would be ${word(step)}`, urn: step.urn })),
};
