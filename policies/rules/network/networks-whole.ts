import { parseCidr, parseRange } from "../../../components/address/cidr";
import { POOLS, type WrittenRange, writtenRanges } from "../../look/pools";
import { always, type Resource, type ResourceRule } from "../../rule";

const POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy";

export const rule: ResourceRule = {
  name: "networks-whole",
  area: "network",
  kind: "resource",
  sentence: "A network must be written by its first address, without host bits.",
  severity: "high",
  levels: always("mandatory"),
  prevents:
    "Every program reads 10.0.3.4/28 otherwise: one takes the network, one the rest of it, one crashes (home cluster).",
  fix: "Write the network's first address.",
  types: [...POOLS, POLICY],
  check: (resource) =>
    (resource.type === POLICY ? blocks(resource) : writtenRanges(resource)).flatMap(({ path, text }) => {
      const { problem } = resource.type === POLICY ? parseCidr(text, path) : parseRange(text, path);
      return problem === undefined ? [] : [problem];
    }),
};

function blocks({ props }: Resource): readonly WrittenRange[] {
  return [["ingress", "from"] as const, ["egress", "to"] as const].flatMap(([direction, side]) =>
    (props.spec?.[direction] ?? []).flatMap(
      (entry: Record<string, { ipBlock?: { cidr?: string; except?: string[] } }[]>) =>
        (entry[side] ?? []).flatMap(({ ipBlock }) =>
          [ipBlock?.cidr, ...(ipBlock?.except ?? [])]
            .filter((text) => text !== undefined)
            .map((text) => ({ path: `spec.${direction}`, text })),
        ),
    ),
  );
}
