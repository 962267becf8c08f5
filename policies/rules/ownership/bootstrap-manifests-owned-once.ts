import { yaml } from "../../../components/yaml";
import { namespaceOf, objectName } from "../../look/kubernetes";
import { documentsOfKind, MACHINES, type Machine, machines, machineValues } from "../../look/talos";
import { always, type StackRule } from "../../rule";

export const rule: StackRule = {
  name: "bootstrap-manifests-owned-once",
  area: "ownership",
  kind: "stack",
  sentence: "An object that Talos brings with the cluster must not be declared by the stack as well.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "Since Talos 1.13 an inline manifest that is taken out is pruned: the stack's object with it.",
  fix: "Keep it in one of the two places.",
  types: ["kubernetes:*", ...MACHINES],
  check(resources) {
    const brought = new Set(resources.flatMap(machines).flatMap(objectsOf));
    return resources
      .filter((resource) => brought.has(keyOf(resource.props.kind, namespaceOf(resource), objectName(resource))))
      .map(({ name, urn }) => ({ path: name, reason: "an inline manifest of the machines brings it too", urn }));
  },
};

function objectsOf(machine: Machine): readonly string[] {
  const inline = [
    ...machineValues(machine, "cluster.inlineManifests")
      .flat()
      .map((one) => (one as { readonly contents?: string }).contents),
    ...documentsOfKind(machine, "KubeInlineManifestConfig").map(({ contents }) => contents),
  ];
  return inline
    .flatMap((text) =>
      yaml()
        .parseAllDocuments(String(text ?? ""))
        .map((document) => document.toJS()),
    )
    .filter((object) => object?.metadata?.name !== undefined)
    .map(({ kind, metadata }) => keyOf(kind, metadata.namespace ?? "default", metadata.name));
}

function keyOf(kind: string, namespace: string, name: string): string {
  return `${kind} ${namespace}/${name}`;
}
