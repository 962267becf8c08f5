import { RELEASES } from "../../look/kubernetes";
import { documentsOfKind, MACHINES, machines, machineValues } from "../../look/talos";
import { levels, type StackRule } from "../../rule";

// biome-ignore lint/suspicious/noExplicitAny: values of a chart are what their author wrote
type Loose = any;

/** Storage drivers by their chart: the folder that each uses by itself, and where its values name another one. */
const DRIVERS: readonly (readonly [RegExp, string, (values: Loose) => readonly (string | undefined)[]])[] = [
  [/longhorn/, "/var/lib/longhorn", (values) => [values?.defaultSettings?.defaultDataPath]],
  [
    /openebs|localpv/,
    "/var/openebs/local",
    // The provisioner's own chart, and OpenEBS' umbrella with it inside.
    (values) =>
      [values, values?.["localpv-provisioner"]].map((each) => each?.hostpathClass?.basePath || each?.localpv?.basePath),
  ],
  [
    /local-path/,
    "/opt/local-path-provisioner",
    (values) => (values?.nodePathMap ?? []).flatMap((entry: Loose) => entry?.paths ?? []),
  ],
];
/** Where user volumes lie: only the machines that lend their disk have one. */
const USER_VOLUMES = "/var/mnt/";

export const rule: StackRule = {
  name: "storage-has-its-mounts",
  area: "kubernetes",
  kind: "stack",
  sentence: "A storage driver must find its folder mounted into the kubelet of every machine that lends its disk.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents:
    "Talos' kubelet runs in a container: OpenEBS volumes were Bound, and pods could not find their path (home cluster).",
  fix: "Add the folder to machine.kubelet.extraMounts (bind, rshared, rw), or make it a user volume.",
  types: [...RELEASES, ...MACHINES],
  check(resources) {
    const all = resources.flatMap(machines);
    if (all.length === 0) return [];
    return resources.flatMap(({ name, urn, props }) =>
      DRIVERS.filter(([chart]) => chart.test(String(props.chart ?? ""))).flatMap(([, usual, named]) =>
        folders(named(props.values), usual).flatMap((folder) => {
          const without = all.filter(
            (machine) => !mounts(machine).some((path) => folder === path || folder.startsWith(`${path}/`)),
          );
          const some = without.length < all.length;
          if (without.length === 0 || (some && folder.startsWith(USER_VOLUMES))) return [];
          return [{ path: name, reason: `${without.length} of ${all.length} machines do not mount ${folder}`, urn }];
        }),
      ),
    );
  },
};

/** The folders that values name, each once; the usual one where they name none. */
function folders(named: readonly (string | undefined)[], usual: string): readonly string[] {
  const written = [...new Set(named.filter(Boolean))] as string[];
  return written.length > 0 ? written : [usual];
}

function mounts(machine: Parameters<typeof machineValues>[0]): readonly string[] {
  const extra = machineValues(machine, "machine.kubelet.extraMounts").flat() as { readonly destination?: string }[];
  const volumes = documentsOfKind(machine, "UserVolumeConfig").map(({ name }) => `/var/mnt/${name}`);
  return [...extra.map(({ destination = "" }) => destination), ...volumes];
}
