import { whyInside } from "../../../components/backup/inside";
import { BOOTSTRAP, hostOf, RELEASE } from "../../look/talos";
import { always, type Resource, type StackRule } from "../../rule";

/** What a cluster depends on to be made and restored, by the path of its URL. */
const SERVERS: Readonly<Record<string, readonly string[]>> = {
  [RELEASE]: ["backup.store.s3.endpoint"],
  "pulumi:providers:plinth": ["netbox.url", "bootServer.url"],
};

export const rule: StackRule = {
  name: "managing-side-outside",
  area: "ownership",
  kind: "stack",
  sentence: "What makes and restores a cluster must not run inside it.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "Snapshots, addresses and boot answers that live in the cluster are gone exactly when it is.",
  fix: "Run it on a computer of its own, or on another cluster.",
  types: [...Object.keys(SERVERS), BOOTSTRAP],
  check(resources) {
    const hosts = resources.flatMap(machinesAndApi);
    return resources.flatMap(({ type, name, urn, props }) =>
      (SERVERS[type] ?? []).flatMap((path) => {
        const why = whyInside(hostOf(valueAt(props, path)) ?? "", { hosts, networks: [] });
        return why === undefined ? [] : [{ path: `${name}.${path}`, reason: why, urn }];
      }),
    );
  },
};

function machinesAndApi({ type, props }: Resource): readonly string[] {
  if (type === BOOTSTRAP) return [hostOf(props.endpoint)].filter((host) => host !== undefined);
  if (type !== RELEASE) return [];
  return Object.keys(props.nodes ?? {}).flatMap((key) => [props.nodes[key].address, props.nodes[key].hostname]);
}

/** A provider's nested configuration travels as JSON. */
function valueAt(props: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => {
    const whole = typeof value === "string" && value.startsWith("{") ? JSON.parse(value) : value;
    return (whole as Record<string, unknown> | undefined)?.[key];
  }, props);
}
