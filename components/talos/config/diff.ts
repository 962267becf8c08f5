import { type ConfigDocument, isDocument } from "./yaml";

/** One path in which two machine configurations differ. Values are never part of it: half of them are secret. */
export interface Difference {
  /** Kind of the document, or `v1alpha1` for the main one. */
  readonly kind: string;
  /** Name of the document, empty for those of which there is one. */
  readonly name: string;
  /** Keys from the document to the value; list positions as `[0]`; empty when a document without fields came or went. */
  readonly keys: readonly string[];
  readonly change: "added" | "removed" | "changed";
  /** What happened to the document it is in. */
  readonly document: "added" | "removed" | "changed";
}

/**
 * Every path in which two machine configurations differ. An absent value, an empty list and an empty map are the same, as
 * they are to Talos. Lists of one length are compared item by item, others as a whole.
 */
export function diffDocuments(
  before: readonly ConfigDocument[],
  after: readonly ConfigDocument[],
): readonly Difference[] {
  const [old, fresh] = [byIdentity(before), byIdentity(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])].sort().flatMap((identity) => {
    const [left, right] = [old.get(identity), fresh.get(identity)];
    const { kind, name } = identityOf(left ?? right ?? {});
    const document = left === undefined ? "added" : right === undefined ? "removed" : "changed";
    const found = compare(fields(left), fields(right), []);
    if (found.length > 0) return found.map((difference) => ({ kind, name, document, ...difference }));
    return document === "changed" ? [] : [{ kind, name, document, keys: [], change: document }];
  });
}

/** `machine.network.hostname`, `LinkConfig/net0.mtu`, `machine.sysctls["net.ipv4.ip_forward"]`. */
export function formatPath(difference: Pick<Difference, "kind" | "name" | "keys">): string {
  const { kind, name, keys } = difference;
  const root = kind === MAIN ? "" : name === "" ? kind : `${kind}/${name}`;
  return keys.reduce((path, key) => {
    if (key.startsWith("[")) return path + key;
    if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
    return path === "" ? key : `${path}.${key}`;
  }, root);
}

/** What the main document is called where documents have a kind. */
export const MAIN = "v1alpha1";

type Leaf = Pick<Difference, "keys" | "change">;

function compare(before: unknown, after: unknown, keys: readonly string[]): readonly Leaf[] {
  const [old, fresh] = [present(before), present(after)];
  if (isDocument(old) && isDocument(fresh)) return compareMaps(old, fresh, keys);
  if (Array.isArray(old) && Array.isArray(fresh)) return compareLists(old, fresh, keys);
  if (Object.is(old, fresh)) return [];
  // A map that came or went is listed field by field: each field has its own effect.
  if (old === undefined && isDocument(fresh)) return compareMaps({}, fresh, keys);
  if (fresh === undefined && isDocument(old)) return compareMaps(old, {}, keys);
  return [{ keys, change: old === undefined ? "added" : fresh === undefined ? "removed" : "changed" }];
}

function compareMaps(before: ConfigDocument, after: ConfigDocument, keys: readonly string[]): readonly Leaf[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .flatMap((key) => compare(before[key], after[key], [...keys, key]));
}

function compareLists(before: readonly unknown[], after: readonly unknown[], keys: readonly string[]): readonly Leaf[] {
  if (before.length !== after.length) return [{ keys, change: "changed" }];
  return before.flatMap((item, index) => compare(item, after[index], [...keys, `[${index}]`]));
}

/** The value, undefined for all that Talos takes for absent. */
function present(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value;
  if (isDocument(value) && Object.values(value).every((item) => present(item) === undefined)) return undefined;
  return value;
}

function byIdentity(documents: readonly ConfigDocument[]): ReadonlyMap<string, ConfigDocument> {
  return new Map(
    documents.map((document) => {
      const { kind, name } = identityOf(document);
      return [`${kind}/${name}`, document];
    }),
  );
}

/** What makes a document the same one in two configurations. */
export function identityOf(document: ConfigDocument): { readonly kind: string; readonly name: string } {
  const { kind, name } = document;
  return typeof kind === "string" ? { kind, name: typeof name === "string" ? name : "" } : { kind: MAIN, name: "" };
}

/** A document's own fields, without those that say which document it is. */
function fields(document: ConfigDocument | undefined): ConfigDocument {
  if (document === undefined || document.kind === undefined) return document ?? {};
  const { apiVersion: _apiVersion, kind: _kind, name: _name, ...rest } = document;
  return rest;
}
