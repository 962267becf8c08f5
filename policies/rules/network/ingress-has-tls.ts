import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "ingress-has-tls",
  area: "network",
  kind: "resource",
  sentence: "Every host of an Ingress must be served by HTTPS.",
  severity: "medium",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents: "Passwords and session cookies of a service without TLS cross the network in the open.",
  fix: "List the host under spec.tls with a Secret that cert-manager fills.",
  types: ["kubernetes:networking.k8s.io/v1:Ingress"],
  check({ props }) {
    const covered = (props.spec?.tls ?? []).flatMap(({ hosts = [] }: { hosts?: string[] }) => hosts) as string[];
    const rules: readonly { readonly host?: string }[] = props.spec?.rules ?? [];
    return rules
      .map(({ host = "*" }) => host)
      .filter((host) => !covered.some((name) => name === host || name === host.replace(/^[^.]+/, "*")))
      .map((host) => ({ path: "spec.tls", reason: `${host} is not among its hosts` }));
  },
};
