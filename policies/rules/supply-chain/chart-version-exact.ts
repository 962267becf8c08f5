import { RELEASES } from "../../look/kubernetes";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "chart-version-exact",
  area: "supply-chain",
  kind: "resource",
  sentence: "A chart must be pinned to one version.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "A range installs another chart next month, with other images, values and CRDs.",
  fix: "Write one version, as 1.20.2, or the path of an archive whose name holds it.",
  types: RELEASES,
  check({ props }) {
    const version = props.version;
    if (version === undefined && /-\d+\.\d+\.\d+[^/]*\.tgz$/.test(String(props.chart))) return [];
    return /^v?\d+\.\d+\.\d+([-+][\w.+-]+)?$/.test(String(version ?? ""))
      ? []
      : [{ path: "version", reason: version === undefined ? "there is none" : `"${version}" is not one version` }];
  },
};
