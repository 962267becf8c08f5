import { always, type StackRule } from "../../rule";

const BUNDLE = "plinth:kubernetes:CrdBundle";
const RELEASE = "kubernetes:helm.sh/v3:Release";

export const rule: StackRule = {
  name: "crds-have-one-owner",
  area: "ownership",
  kind: "stack",
  sentence: "A chart whose CRDs are applied before it must not bring them again.",
  severity: "high",
  levels: always("mandatory"),
  prevents:
    "Helm never upgrades CRDs of a crds folder, and deletes those among its templates with every object of theirs.",
  fix: "Set skipCrds: true on the release, and switch the chart's own CRD value off.",
  types: [BUNDLE, RELEASE],
  check(resources) {
    const bundled = resources.flatMap(({ props }) =>
      Object.keys(props.charts ?? {}).map((name) => ({ name, ...props.charts[name] })),
    );
    return resources.flatMap(({ name, urn, props }) => {
      const chart = bundled.find((one) => one.chart === props.chart || one.name === props.chart);
      if (chart === undefined) return [];
      if (chart.mode === "folder" && props.skipCrds !== true) {
        return [{ path: `${name}.skipCrds`, reason: `the CRDs of ${chart.name} are a bundle's`, urn }];
      }
      const on = chart.flag === undefined ? undefined : valueAt(props.values, chart.flag);
      return on === true
        ? [{ path: `${name}.values.${chart.flag}`, reason: `the CRDs of ${chart.name} are a bundle's`, urn }]
        : [];
    });
  },
};

function valueAt(values: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], values);
}
