import type { Problem } from "../../problem";
import { ProblemError } from "../../problem";
import { dumpYaml, yaml } from "../../yaml";

/** One YAML document of a machine configuration: the v1alpha1 one (no `kind`), or one of a kind. */
export type ConfigDocument = { readonly [key: string]: unknown };

/**
 * One document as YAML: sorted keys, so that the same input gives the same bytes; strings that YAML 1.1 readers take for
 * something else (`off`, `yes`, `0644`) are quoted, because Talos reads them so.
 */
export function renderDocument(document: ConfigDocument): string {
  return dumpYaml(document);
}

/** The documents of a machine configuration. @throws ProblemError when the text is not YAML or holds something else. */
export function parseDocuments(text: string): readonly ConfigDocument[] {
  const problems: Problem[] = [];
  const documents: ConfigDocument[] = [];
  for (const parsed of yaml().parseAllDocuments(text, { merge: true })) {
    for (const error of parsed.errors) {
      // The message's excerpt could hold a secret: only what and where are passed on.
      problems.push({
        path: `line ${error.linePos?.[0].line ?? "?"}`,
        reason: `the machine configuration is not valid YAML (${error.code})`,
        fix: "mend the YAML at that line",
      });
    }
    if (parsed.errors.length > 0) continue;
    const value: unknown = parsed.toJS();
    if (isDocument(value)) documents.push(value);
    else if (value !== null && value !== undefined) {
      problems.push({
        path: `document ${documents.length + 1}`,
        reason: "is not a map of fields",
        fix: "a machine configuration document has fields such as machine, cluster or kind",
      });
    }
  }
  if (problems.length > 0) throw new ProblemError("The machine configuration cannot be read:", problems);
  return documents;
}

/** The value at a dotted path, undefined where there is none. */
export function valueAt(document: ConfigDocument, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (isDocument(value) ? value[key] : undefined), document);
}

/** Whether a value is a YAML map. */
export function isDocument(value: unknown): value is ConfigDocument {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy without absent values, empty lists and empty maps: what is not asked for is not written. */
export function prune(document: ConfigDocument): ConfigDocument {
  const entries = Object.entries(document)
    .map(([key, value]) => [key, isDocument(value) ? prune(value) : value] as const)
    .filter(([, value]) => !isEmpty(value));
  return Object.fromEntries(entries);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isDocument(value) && Object.keys(value).length === 0;
}
