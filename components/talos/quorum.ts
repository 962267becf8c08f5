import type { Problem } from "../problem";

/** How many control planes a cluster can have: as many as etcd needs to survive a loss, and none that it gains nothing by. */
export function controlPlaneProblems(path: string, count: number): readonly Problem[] {
  if (count === 0) {
    return [
      { path, reason: "no machine is a control plane", fix: "give one, three or five machines role: controlplane" },
    ];
  }
  if (count % 2 === 1) return [];
  const worse = count === 2 ? ", and the loss of either stops it" : "";
  const reason = `${count} control planes: etcd with ${count} members survives no more failures than with ${count - 1}${worse}`;
  const fix =
    count === 2
      ? "use 1 or 3; to replace a dead one leave it declared and raise its generation"
      : `use ${count - 1} or ${count + 1}`;
  return [{ path, reason, fix }];
}
