import { kinds } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

/** A year, the refresh that the home cluster found to hurt nobody. */
const LONG_HOURS = 8760;

export const rule: ResourceRule = {
  name: "generated-password-stays",
  area: "secrets",
  kind: "resource",
  sentence: "A generated password must not be generated anew while something uses the old one.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents:
    "Refreshed password generators gave databases and their users different passwords, and logins failed (home cluster).",
  fix: "Set refreshPolicy: CreatedOnce or refreshInterval: 8760h, or keep the password in Vault instead of a generator.",
  types: kinds("external-secrets.io", ["v1", "v1beta1"], "ExternalSecret"),
  check({ props }) {
    const spec = props.spec ?? {};
    const generated = (spec.dataFrom ?? []).some(
      (source: { sourceRef?: { generatorRef?: unknown } }) => source.sourceRef?.generatorRef !== undefined,
    );
    const interval = String(spec.refreshInterval ?? "1h");
    if (!generated || spec.refreshPolicy === "CreatedOnce" || isLong(interval)) return [];
    return [{ path: "spec.refreshInterval", reason: `a generator runs every ${interval}` }];
  },
};

/** Zero means never. */
function isLong(duration: string): boolean {
  const hours = Number(/^(\d+)h/.exec(duration)?.[1] ?? 0);
  return hours >= LONG_HOURS || /^0[a-z]*$/.test(duration);
}
