import { plaintextSecrets } from "../../../components/plaintext";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "no-plaintext-secret",
  area: "secrets",
  kind: "resource",
  sentence: "No private key, token or password may be an input that is not a secret.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "Whatever is not marked lies in the state and in logs for everybody to read (broersma-forslund/homelab#2302).",
  fix: "Wrap it in pulumi.secret, or set it with pulumi config set --secret; then change it, it was seen.",
  check: ({ open }) =>
    plaintextSecrets(open).map((path) => ({ path: dotted(path), reason: "it holds a secret in plain text" })),
};

function dotted(path: string): string {
  return path.slice(1).replaceAll("/", ".");
}
