import { parse } from "yaml";
import { identityOf } from "./diff";
import { type ConfigDocument, isDocument, parseDocuments } from "./yaml";

/**
 * A configuration with patches on top, closely enough to compare two of them without asking Talos: maps are merged, lists
 * are appended, documents are found by kind and name, `$patch: delete` takes away. Only Talos' own merge may be applied.
 *
 * @throws ProblemError when a patch cannot be read.
 */
export function roughlyPatched(
  documents: readonly ConfigDocument[],
  patches: readonly string[],
): readonly ConfigDocument[] {
  return patches.reduce((before, patch) => withPatch(before, patch), documents);
}

function withPatch(documents: readonly ConfigDocument[], patch: string): readonly ConfigDocument[] {
  if (/^\s*(?:#.*\n\s*)*(?:\[|- )/.test(patch)) return withOperations(documents, parse(patch));
  const added = parseDocuments(patch);
  const merged = documents.flatMap((document) => {
    const after = added.filter((other) => sameDocument(other, document)).reduce<unknown>(merge, document);
    return isDocument(after) ? [after] : [];
  });
  return merged.concat(added.filter((document) => !documents.some((other) => sameDocument(other, document))));
}

function sameDocument(a: ConfigDocument, b: ConfigDocument): boolean {
  const [one, other] = [identityOf(a), identityOf(b)];
  return one.kind === other.kind && one.name === other.name;
}

function merge(base: unknown, patch: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(patch)) return [...base, ...patch];
  if (!isDocument(patch)) return patch;
  if (patch.$patch === "delete") return undefined;
  const result: { [key: string]: unknown } = isDocument(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) result[key] = merge(result[key], value);
  return result;
}

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly value?: unknown;
}

/** JSON patch operations are of the main document. */
function withOperations(documents: readonly ConfigDocument[], operations: unknown): readonly ConfigDocument[] {
  if (!Array.isArray(operations)) return documents;
  return documents.map((document) => {
    if (document.kind !== undefined) return document;
    return (operations as readonly Operation[]).reduce<ConfigDocument>((before, operation) => {
      const after = set(before, keysOf(operation), operation);
      return isDocument(after) ? after : before;
    }, document);
  });
}

function keysOf({ path }: Operation): readonly string[] {
  const keys = String(path ?? "").split("/");
  return keys.slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Inside a list it is enough to know that the list becomes another one. */
function set(value: unknown, [key, ...rest]: readonly string[], operation: Operation): unknown {
  if (key === undefined) {
    if (operation.op === "remove") return undefined;
    return operation.op === "add" || operation.op === "replace" ? operation.value : JSON.stringify(operation);
  }
  if (Array.isArray(value) || key === "-") return [...(Array.isArray(value) ? value : []), JSON.stringify(operation)];
  const map = isDocument(value) ? value : {};
  return { ...map, [key]: set(map[key], rest, operation) };
}
