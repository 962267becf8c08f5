import { CLUSTER, SECRETS } from "../../look/talos";
import { always, type ChangeRule } from "../../rule";

const FIELDS: Readonly<Record<string, string>> = { [CLUSTER]: "configContract", [SECRETS]: "talosVersion" };

export const rule: ChangeRule = {
  name: "contract-frozen",
  area: "cluster",
  kind: "change",
  provider: "Nothing: the format is a fact of a component, and an input of another provider's resource.",
  sentence: "The format of a cluster's configurations must stay the one it was made with.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "Another contract changes defaults of every machine at once (siderolabs/terraform-provider-talos#381).",
  fix: "Set it back: newer Talos versions read older contracts, and plinth upgrade plan says what moving it would change.",
  check: (steps) =>
    steps.flatMap(({ type, name, urn, before, after }) => {
      const field = FIELDS[type] ?? "";
      if (before === undefined || after === undefined) return [];
      if (after.ignoreChanges.includes(field)) return [];
      const [old, wanted] = [before.props[field], after.props[field]];
      return old === wanted
        ? []
        : [{ path: `${name}.${field}`, reason: `it would change from ${old} to ${wanted}`, urn }];
    }),
};
