import { parseCidr } from "../../../components/address/cidr";
import { kinds } from "../../look/kubernetes";
import { documentsOfKind, MACHINES, machines } from "../../look/talos";
import { always, type Resource, type ResourceRule } from "../../rule";

const CONNECTOR = kinds("tailscale.com", ["v1alpha1"], "Connector");

export const rule: ResourceRule = {
  name: "routes-whole",
  area: "network",
  kind: "resource",
  sentence: "Routes that Tailscale announces must be whole networks.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "Tailscale crashed on every control plane over the route 10.0.3.4/28 (home cluster).",
  fix: "Announce the network itself.",
  types: [...MACHINES, ...CONNECTOR],
  check: (resource) =>
    routes(resource).flatMap(({ path, text }) => {
      const { problem } = parseCidr(text, path);
      return problem === undefined ? [] : [problem];
    }),
};

function routes(resource: Resource): readonly { readonly path: string; readonly text: string }[] {
  if (CONNECTOR.includes(resource.type)) {
    const list: readonly string[] = resource.props.spec?.subnetRouter?.advertiseRoutes ?? [];
    return list.map((text, place) => ({ path: `spec.subnetRouter.advertiseRoutes[${place}]`, text }));
  }
  return machines(resource).flatMap((machine) =>
    documentsOfKind(machine, "ExtensionServiceConfig")
      .filter(({ name }) => name === "tailscale")
      .flatMap(({ environment }) => (environment ?? []) as readonly string[])
      .filter((variable) => variable.startsWith("TS_ROUTES="))
      .flatMap((variable) => variable.slice("TS_ROUTES=".length).split(","))
      .map((text) => ({ path: "TS_ROUTES", text })),
  );
}
