/** Takes secrets out of text that a person or a file will see. */

const MASK = "[secret]";
/** PEM blocks, base64 of PEM (starts with `LS0tLS`), and bootstrap or trustd tokens, wherever they come from. */
const SHAPES = [
  /-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g,
  /LS0tLS1[A-Za-z0-9+/=]{16,}/g,
  /\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g,
];
/** Inside a large secret, as a machine configuration, only what looks like key material is worth hiding. */
const MATERIAL = /[A-Za-z0-9+/=]{24,}/g;
const SHORT = 200;

/** A redactor for the given secret texts, beside everything that has the shape of a key. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const needles = new Set<string>();
  for (const secret of secrets) {
    if (secret.length >= 4 && secret.length <= SHORT) needles.add(secret);
    if (secret.length > SHORT) for (const piece of secret.match(MATERIAL) ?? []) needles.add(piece);
  }
  const longestFirst = [...needles].sort((a, b) => b.length - a.length);
  return (text) => {
    const withoutValues = longestFirst.reduce((rest, needle) => rest.split(needle).join(MASK), text);
    return SHAPES.reduce((rest, shape) => rest.replace(shape, MASK), withoutValues);
  };
}
