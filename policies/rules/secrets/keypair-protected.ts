import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "keypair-protected",
  area: "secrets",
  kind: "resource",
  sentence: "A key that other things were sealed or signed with must be protected.",
  severity: "high",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents:
    "A new keypair of Sealed Secrets after a recreation made every sealed secret in Git unreadable (home cluster).",
  fix: "Set protect: true on it.",
  types: ["tls:index/privateKey:PrivateKey", "tls:index/selfSignedCert:SelfSignedCert"],
  check: ({ protect }) => (protect ? [] : [{ path: "protect", reason: "it is not set" }]),
};
