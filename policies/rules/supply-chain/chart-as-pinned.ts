import { always, type ChartRule } from "../../rule";

export const rule: ChartRule = {
  name: "chart-as-pinned",
  area: "supply-chain",
  kind: "chart",
  sentence: "A chart's archive must be the one that was pinned.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "A version that was published again, or changed on its way, runs as administrator like the one that was read.",
  fix: "Find out who changed it; fetch it again, or raise version and digest in components/release/versions.yaml.",
  check({ name, version, digest, pin }) {
    if (pin === undefined) return [];
    if (pin.version !== version) return [{ path: name, reason: `it is ${version}, and ${pin.version} is pinned` }];
    const wanted = pin.digest ?? digest;
    return wanted === digest ? [] : [{ path: name, reason: `it is ${digest}, and ${wanted} is pinned` }];
  },
};
