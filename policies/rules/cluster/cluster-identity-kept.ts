import { endings, word } from "../../look/change";
import { BOOTSTRAP, RELEASE, SECRETS, TALOS_BOOTSTRAP } from "../../look/talos";
import { always, type ChangeRule } from "../../rule";

const IDENTITY = [SECRETS, BOOTSTRAP, TALOS_BOOTSTRAP, RELEASE];

export const rule: ChangeRule = {
  name: "cluster-identity-kept",
  area: "cluster",
  kind: "change",
  provider: "A cluster's bootstrap and release are never replaced; a deletion cannot be told from a destroy.",
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
