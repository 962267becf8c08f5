import { unknown } from "../../../provider/draft";
import { UNKNOWNS } from "../../../provider/host/values";
import { refusedChanges } from "../../../provider/talos/diff";
import { releaseOutputs } from "../../../provider/talos/inputs";
import { RELEASE } from "../../look/talos";
import { always, type ChangeRule } from "../../rule";

export const rule: ChangeRule = {
  name: "node-kept-in-place",
  area: "cluster",
  kind: "change",
  provider: "All of it, by the same function.",
  sentence: "A running node must keep its role, address and name, and etcd its quorum.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "A control plane that turns worker, or keeps running when it is forgotten, takes etcd with it.",
  fix: "Remove the node and add it under another key.",
  check: (steps) =>
    steps.flatMap(({ type, urn, before, after }) => {
      if (type !== RELEASE || before === undefined || after === undefined) return [];
      // What is secret stays sealed in a preview: nodes and the cluster's name are not.
      const inputs = ({ raw }: typeof before) => drafted(raw.inputs) as Inputs;
      const outputs = releaseOutputs.parse(before.raw.outputs);
      return refusedChanges({ inputs: inputs(before), outputs }, inputs(after)).map((problem) => ({ ...problem, urn }));
    }),
};

type Inputs = Parameters<typeof refusedChanges>[0]["inputs"];

/** With the symbol that the provider's own check knows for what is not known yet. */
function drafted(value: unknown): unknown {
  if (typeof value === "string") return UNKNOWNS.has(value) ? unknown : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(drafted);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, drafted(inner)]));
}
