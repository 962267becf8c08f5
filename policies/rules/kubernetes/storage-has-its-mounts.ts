import { RELEASES } from "../../look/kubernetes";
import { documentsOfKind, MACHINES, machines, machineValues } from "../../look/talos";
import { levels, type StackRule } from "../../rule";

/** Folders on the machine that a storage driver needs its kubelet to see. */
const FOLDERS: readonly (readonly [RegExp, string])[] = [
  [/longhorn/, "/var/lib/longhorn"],
  [/openebs|localpv/, "/var/openebs/local"],
  [/local-path/, "/opt/local-path-provisioner"],
];

export const rule: StackRule = {
  name: "storage-has-its-mounts",
  area: "kubernetes",
  kind: "stack",
  sentence: "A storage driver must find its folder mounted into the kubelet of every machine.",
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
      FOLDERS.filter(([chart]) => chart.test(String(props.chart ?? ""))).flatMap(([, folder]) => {
        const without = all.filter(
          (machine) => !mounts(machine).some((path) => folder === path || folder.startsWith(`${path}/`)),
        );
        if (without.length === 0) return [];
        return [{ path: name, reason: `${without.length} of ${all.length} machines do not mount ${folder}`, urn }];
      }),
    );
  },
};

function mounts(machine: Parameters<typeof machineValues>[0]): readonly string[] {
  const extra = machineValues(machine, "machine.kubelet.extraMounts").flat() as { readonly destination?: string }[];
  const volumes = documentsOfKind(machine, "UserVolumeConfig").map(({ name }) => `/var/mnt/${name}`);
  return [...extra.map(({ destination = "" }) => destination), ...volumes];
}
