import type { SecretSpec } from "../kubernetes/service";

/** Names of the secrets of the stack's configuration that a Secret is made from. */
export function stackSecrets({ text }: SecretSpec): readonly string[] {
  if (isWhole(text)) return [text.stack];
  const pieces = Object.values(text).flat();
  return [...new Set(pieces.flatMap((piece) => (typeof piece === "object" && "stack" in piece ? [piece.stack] : [])))];
}

/** Whether one secret of the stack holds all texts. */
export function isWhole(text: SecretSpec["text"]): text is { readonly stack: string } {
  return typeof text.stack === "string";
}
