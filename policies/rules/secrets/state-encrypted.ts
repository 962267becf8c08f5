import { always, type StateRule } from "../../rule";

export const rule: StateRule = {
  name: "state-encrypted",
  area: "secrets",
  kind: "state",
  sentence: "A stack must have a provider that encrypts its secrets.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "Without one every secret is as readable as the rest of the state.",
  fix: "Choose one with pulumi stack change-secrets-provider.",
  check: ({ secretsProvider }) =>
    secretsProvider === undefined || secretsProvider === "b64"
      ? [{ path: "secrets_providers", reason: "there is none that encrypts" }]
      : [],
};
