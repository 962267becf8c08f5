import { plaintextSecrets } from "../../../components/plaintext";
import { always, type StateRule } from "../../rule";

export const rule: StateRule = {
  name: "no-plaintext-secret-in-state",
  area: "secrets",
  kind: "state",
  sentence: "No private key, token or password may lie in the state in plain text.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "The talos provider's SDK marks only some leaves of what it returns: certificate keys were readable in the state.",
  fix: "Add the output to additionalSecretOutputs, run pulumi up, and renew what was readable.",
  check: ({ resources }) =>
    resources.flatMap(({ name, urn, raw }) =>
      plaintextSecrets(raw).map((path) => ({
        path: `${name}${path.replaceAll("/", ".")}`,
        reason: "it holds a secret in plain text",
        urn,
      })),
    ),
};
