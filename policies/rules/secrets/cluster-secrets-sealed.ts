import { KUBECONFIG, SECRETS } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

const OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  [SECRETS]: ["machineSecrets", "clientConfiguration"],
  [KUBECONFIG]: ["kubeconfigRaw", "kubernetesClientConfiguration"],
};

export const rule: ResourceRule = {
  name: "cluster-secrets-sealed",
  area: "secrets",
  kind: "resource",
  sentence: "Keys of a cluster must be secret as a whole, whatever the provider's schema says.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "The talos provider marks only leaves: its SDK leaves certificate keys in the state in plain text.",
  fix: "Name the outputs in additionalSecretOutputs.",
  types: Object.keys(OUTPUTS),
  check: ({ type, secretOutputs }) =>
    (OUTPUTS[type] ?? [])
      .filter((output) => !secretOutputs.includes(output))
      .map((output) => ({ path: "additionalSecretOutputs", reason: `${output} is not among them` })),
};
