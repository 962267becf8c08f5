import { yaml } from "../../../components/yaml";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "authority-pinned",
  area: "secrets",
  kind: "resource",
  sentence: "A kubeconfig must name the authority of its cluster.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "Without it the first answer on the API's address is believed, whoever gives it.",
  fix: "Use a kubeconfig with certificate-authority-data, as Talos hands it out.",
  types: ["pulumi:providers:kubernetes"],
  check({ props }) {
    const text = props.kubeconfig;
    if (typeof text !== "string") return [];
    // Of a path nothing is read: the file has to answer for itself.
    const clusters: { readonly name?: string; readonly cluster?: object }[] =
      yaml().parseDocument(text).toJS()?.clusters ?? [];
    return clusters
      .filter(({ cluster = {} }) => !("certificate-authority-data" in cluster || "certificate-authority" in cluster))
      .map(({ name }) => ({ path: "kubeconfig", reason: `the cluster ${name} has no authority` }));
  },
};
