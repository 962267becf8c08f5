import { isMap, isScalar, parseDocument } from "yaml";
import { type Problem, ProblemError } from "../problem";
import { compareVersions, parseVersion } from "../talos/version";
import { type Manifest, PINS } from "./manifest";

/** One line of a site file that a release sets. */
export interface Edit {
  /** As in `talos.version`. */
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/**
 * A stack file with the version pins of a release. Comments, order and every other byte stay; a site that is ahead of
 * the release is not taken back. Pure. @throws ProblemError when a pin cannot be set in place
 */
export function withRelease(
  text: string,
  file: string,
  { pins }: Pick<Manifest, "pins">,
): { readonly text: string; readonly edits: readonly Edit[] } {
  const document = parseDocument(text);
  const problems: Problem[] = [];
  const found: (Edit & { readonly range: readonly [number, number]; readonly quote: string })[] = [];
  for (const [name, keys] of Object.entries(PINS)) {
    const after = pins[name as keyof typeof PINS];
    if (after === undefined) continue;
    const path = keys.join(".");
    const node = document.errors.length > 0 || !isMap(document.contents) ? undefined : pinNode(document, keys);
    if (!isScalar(node) || typeof node.value !== "string" || !node.range || node.anchor !== undefined) {
      problems.push({
        path,
        reason: "holds no version that stands there by itself",
        fix: `write ${after} there by hand, or name a stack file of a site`,
      });
      continue;
    }
    const before = node.value;
    const [old, next] = [parseVersion(before), parseVersion(after)];
    if (old !== undefined && next !== undefined && compareVersions(old, next) >= 0) continue;
    const quote = node.type === "QUOTE_DOUBLE" ? '"' : node.type === "QUOTE_SINGLE" ? "'" : "";
    found.push({ path, before, after, range: [node.range[0], node.range[1]], quote });
  }
  if (problems.length > 0) throw new ProblemError(`${file} was not changed:`, problems);
  // From the end, so that places before stay where they are.
  const changed = [...found]
    .sort((a, b) => b.range[0] - a.range[0])
    .reduce(
      (old, { range, quote, after }) => old.slice(0, range[0]) + quote + after + quote + old.slice(range[1]),
      text,
    );
  return { text: changed, edits: found.map(({ path, before, after }) => ({ path, before, after })) };
}

function pinNode(document: ReturnType<typeof parseDocument>, keys: readonly string[]): unknown {
  return document.getIn(["config", "plinth:site", ...keys], true);
}
