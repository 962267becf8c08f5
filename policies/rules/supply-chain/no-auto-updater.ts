import { containers, imageReference, kinds, RELEASES, WORKLOADS } from "../../look/kubernetes";
import { levels, type Resource, type ResourceRule } from "../../rule";

const UPDATERS =
  /(^|[^a-z])(watchtower|keel|argocd-image-updater|image-automation-controller|image-reflector-controller|system-upgrade-controller)([^a-z]|$)/;
const AUTOMATION = [
  ...kinds("image.toolkit.fluxcd.io", ["v1", "v1beta2", "v1beta1"], "ImageUpdateAutomation"),
  ...kinds("upgrade.cattle.io", ["v1"], "Plan"),
];

export const rule: ResourceRule = {
  name: "no-auto-updater",
  area: "supply-chain",
  kind: "resource",
  sentence: "Nothing in a cluster may change versions by itself.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "An updater chooses its own hour, skips the snapshot and is undone by the next pulumi up, or undoes it.",
  fix: "Take it out: versions change by an edit that somebody reads, as Renovate proposes it.",
  types: [...WORKLOADS, ...RELEASES, ...AUTOMATION],
  check: (resource) => [
    ...(AUTOMATION.includes(resource.type) ? [{ path: "kind", reason: "it updates by itself" }] : []),
    ...names(resource)
      .filter(({ text }) => UPDATERS.test(text))
      .map(({ path, text }) => ({ path, reason: `${text} updates by itself` })),
  ],
};

function names(resource: Resource): readonly { readonly path: string; readonly text: string }[] {
  if (RELEASES.includes(resource.type)) return [{ path: "chart", text: String(resource.props.chart ?? "") }];
  return containers(resource).map(({ container, path }) => ({
    path: `${path}.image`,
    text: imageReference(String(container.image ?? "")).name,
  }));
}
