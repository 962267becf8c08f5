import { RELEASES } from "../../look/kubernetes";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "chart-from-a-safe-place",
  area: "supply-chain",
  kind: "resource",
  sentence: "A chart must come from a file, an OCI registry or a repository behind HTTPS.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "A chart runs as administrator of the cluster: whoever can change it on its way can do the same.",
  fix: "Use the repository's https or oci address.",
  types: RELEASES,
  check({ props }) {
    const places: readonly (readonly [string, unknown])[] = [
      ["repositoryOpts.repo", props.repositoryOpts?.repo],
      ["chart", props.chart],
    ];
    return places
      .filter(([, place]) => typeof place === "string" && place.startsWith("http:"))
      .map(([path, place]) => ({ path, reason: `${place} is not encrypted` }));
  },
};
