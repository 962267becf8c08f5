import { inside, MACHINES, machines, machineValues } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

const FLOATING = /\/(main|master|latest|HEAD|develop|stable)\//;

export const rule: ResourceRule = {
  name: "manifests-pinned",
  area: "supply-chain",
  kind: "resource",
  sentence: "Manifests that a cluster is bootstrapped with must be of one version.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "A manifest of a branch is another one at the next Kubernetes upgrade, and what it leaves out is pruned.",
  fix: "Take the URL of a release, or put the manifest into cluster.inlineManifests.",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) =>
      ["cluster.extraManifests", "cluster.network.cni.urls", "cluster.externalCloudProvider.manifests"].flatMap(
        (path) =>
          machineValues(machine, path)
            .flat()
            .map(String)
            .filter((url) => FLOATING.test(url))
            .map((url) => ({ path: inside(machine, path), reason: `${url} is of a branch` })),
      ),
    ),
};
