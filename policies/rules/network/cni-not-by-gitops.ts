import { kinds } from "../../look/kubernetes";
import { always, type ResourceRule } from "../../rule";

const CNI = /(^|[^a-z])(cilium|calico|tigera-operator|flannel|canal|kube-router|antrea|weave-net)([^a-z]|$)/i;

export const rule: ResourceRule = {
  name: "cni-not-by-gitops",
  area: "network",
  kind: "resource",
  sentence: "The network of pods must be owned by what makes the cluster, not by a GitOps tool inside it.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "When Flux changed the CNI, nodes stayed NotReady: they needed the network to pull the images that bring the network (home cluster).",
  fix: "Install the CNI from the infrastructure's stack, and take it out of Git.",
  types: [
    ...kinds("helm.toolkit.fluxcd.io", ["v2", "v2beta2", "v2beta1"], "HelmRelease"),
    ...kinds("kustomize.toolkit.fluxcd.io", ["v1", "v1beta2"], "Kustomization"),
    ...kinds("argoproj.io", ["v1alpha1"], "Application"),
  ],
  check({ props }) {
    const spec = props.spec ?? {};
    const sources: readonly (readonly [string, unknown])[] = [
      ["spec.chart.spec.chart", spec.chart?.spec?.chart],
      ["spec.chartRef.name", spec.chartRef?.name],
      ["spec.path", spec.path],
      ["spec.source.chart", spec.source?.chart],
      ["spec.source.path", spec.source?.path],
    ];
    return sources
      .filter(([, source]) => CNI.test(String(source)))
      .map(([path, source]) => ({ path, reason: `${source} is a CNI` }));
  },
};
