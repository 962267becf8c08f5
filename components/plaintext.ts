/**
 * Every place in a value where a private key, token or password stands in plain text, also base64-encoded ones, by its
 * path. What the engine encrypted is skipped: that is where secrets belong.
 */
export function plaintextSecrets(value: unknown, path = ""): string[] {
  if (typeof value === "string") return isSecret(value) ? [path] : [];
  if (typeof value !== "object" || value === null) return [];
  if ("ciphertext" in value && !("plaintext" in value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => plaintextSecrets(inner, `${path}/${key}`));
}

const MARKS = [
  /PRIVATE KEY-----/,
  // A bootstrap token of Kubernetes, as `abcdef.0123456789abcdef`.
  /(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])/,
  /client-key-data:\s*\S/,
  /(secretboxEncryptionSecret|aescbcEncryptionSecret|bootstrapToken)["']?:\s*\S/,
];

function isSecret(text: string): boolean {
  if (MARKS.some((mark) => mark.test(text))) return true;
  // Keys travel as base64 of their PEM, alone or inside a larger text.
  return (text.match(/[A-Za-z0-9+/]{40,}={0,2}/g) ?? []).some((part) =>
    Buffer.from(part, "base64").toString("latin1").includes("PRIVATE KEY-----"),
  );
}
