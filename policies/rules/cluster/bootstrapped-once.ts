import { BOOTSTRAP, TALOS_BOOTSTRAP } from "../../look/talos";
import { always, type StackRule } from "../../rule";

export const rule: StackRule = {
  name: "bootstrapped-once",
  area: "cluster",
  kind: "stack",
  sentence: "A cluster must be bootstrapped by one resource, on one machine.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "A second bootstrap makes a second etcd: two clusters with one identity.",
  fix: "Keep one bootstrap a cluster; the other control planes join by themselves.",
  types: [BOOTSTRAP, TALOS_BOOTSTRAP],
  check(resources) {
    const first = new Map<string, string>();
    return resources.flatMap(({ urn, name, props }) => {
      const authority = String(props.clientConfiguration?.caCertificate ?? urn);
      const other = first.get(authority);
      if (other === undefined) {
        first.set(authority, name);
        return [];
      }
      return [{ path: name, reason: `it is a second bootstrap of the cluster that ${other} bootstraps`, urn }];
    });
  },
};
