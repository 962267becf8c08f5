import { levels, type ResourceRule } from "../../rule";

const SWITCH =
  /^(insecure(-?skip-?(tls-?)?verify)?|(insecure-?)?skip-?(tls|ssl)-?verif(y|ication)|tls-?insecure|insecure-?skip-?tls-?verify)$/i;

export const rule: ResourceRule = {
  name: "certificates-verified",
  area: "secrets",
  kind: "resource",
  sentence: "The certificate of whoever is talked to must be verified.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "A connection that takes any certificate hands its credentials to whoever answers.",
  fix: "Take the switch out, and name the authority that signed the certificate.",
  check: ({ open }) => switches(open, "").map((path) => ({ path, reason: "it switches the verification off" })),
};

function switches(value: unknown, path: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return SWITCH.test(key) && (inner === true || inner === "true") ? [at] : switches(inner, at);
  });
}
