import { documentsOfKind, inside, MACHINES, machines, machineValues } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "mirror-encrypted",
  area: "supply-chain",
  kind: "resource",
  sentence: "A registry mirror must be reached by HTTPS, unless it is on the machine itself.",
  severity: "medium",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "Whoever answers for a mirror without TLS chooses what every machine runs.",
  fix: "Give the mirror a certificate and name its authority in the registry's TLS settings.",
  types: MACHINES,
  check: (resource) =>
    machines(resource).flatMap((machine) => {
      const field = machineValues(machine, "machine.registries.mirrors").flatMap((mirrors) =>
        Object.values(mirrors as Record<string, { readonly endpoints?: readonly string[] }>),
      );
      const document = documentsOfKind(machine, "RegistryMirrorConfig") as {
        readonly endpoints?: readonly { readonly url: string }[];
      }[];
      const urls = [
        ...field.flatMap(({ endpoints = [] }) => endpoints),
        ...document.flatMap(({ endpoints = [] }) => endpoints.map(({ url }) => url)),
      ];
      return urls
        .filter((url) => /^http:\/\/(?!127\.|localhost|\[::1\])/.test(url))
        .map((url) => ({ path: inside(machine, "registries.mirrors"), reason: `${url} is not encrypted` }));
    }),
};
