/** Machine configurations as data: compared by meaning, named by path, values never shown. Pure. */
import { createHash } from "node:crypto";
import { CORE_SCHEMA, loadAll, YAMLException } from "js-yaml";
import { changesBetween } from "../host/diff";

/** Every YAML document of a text as plain data. Of a site's hundreds of patches each is read in every preview. */
export function documents(text: string): readonly unknown[] {
  try {
    return loadAll(text, undefined, { schema: CORE_SCHEMA });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new Error(`is not valid YAML: ${error.reason} at line ${error.mark.line + 1}`);
  }
}

/**
 * A configuration by document: the machine configuration proper is `""`, others their kind and name. Two texts that
 * mean the same give the same data, whatever their order of keys and documents.
 */
function byDocument(text: string): { readonly [document: string]: unknown } {
  return Object.fromEntries(
    documents(text)
      .filter((document) => document !== null)
      .map((document) => [documentName(document), document]),
  );
}

/** Version in the tag of the kubelet's image, in either form of a configuration; `undefined` if it names none. */
export function kubeletVersion(configuration: string): string | undefined {
  for (const document of documents(configuration)) {
    const { kind, machine, image } = (document ?? {}) as KubeletPart;
    const named = kind === "KubeletConfig" ? image : kind === undefined ? machine?.kubelet?.image : undefined;
    const tag = typeof named === "string" ? /:(v\d+\.\d+\.\d+)/.exec(named)?.[1] : undefined;
    if (tag !== undefined) return tag;
  }
  return undefined;
}

interface KubeletPart {
  readonly kind?: unknown;
  readonly image?: unknown;
  readonly machine?: { readonly kubelet?: { readonly image?: unknown } };
}

function documentName(document: unknown): string {
  const { kind, name } = (document ?? {}) as { readonly kind?: unknown; readonly name?: unknown };
  if (kind === undefined) return "";
  return name === undefined ? String(kind) : `${String(kind)} ${String(name)}`;
}

/** SHA-256 of what the configuration means. */
export function fingerprint(text: string): string {
  return sha256(JSON.stringify(sorted(byDocument(text))));
}

/** SHA-256 of what is pushed to a node: its role's configuration and its patches, as given. */
export function pushFingerprint(configuration: string, patches: readonly string[]): string {
  return sha256(JSON.stringify([configuration, ...patches]));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

/** Paths at which two configurations differ, as `.machine.sysctls` or `HostnameConfig .hostname`; never values. */
export function changedPaths(before: string, after: string): readonly string[] {
  const [olds, news] = [byDocument(before), byDocument(after)];
  return [...new Set([...Object.keys(olds), ...Object.keys(news)])].sort().flatMap((name) => {
    const prefix = name === "" ? "" : `${name} `;
    return leafPaths(olds[name], news[name]).map((path) => `${prefix}${path === "" ? "(all)" : `.${path}`}`);
  });
}

/** What is new or gone as a whole is named by its leaves too; a whole document is one thing. */
function leafPaths(before: unknown, after: unknown): readonly string[] {
  if (before === undefined || after === undefined) return [""];
  return changesBetween(withBranchesOf(before, after), withBranchesOf(after, before)).map(({ path }) => path);
}

/** The value, with an empty branch wherever the other has one that it lacks. */
function withBranchesOf(value: unknown, other: unknown): unknown {
  if (!isBranch(other)) return value;
  if (value !== undefined && !isBranch(value)) return value;
  const branches = Object.entries(other)
    .filter(([, item]) => isBranch(item) && Object.keys(item).length > 0)
    .map(([key, item]) => [key, withBranchesOf(value?.[key], item)] as const);
  return { ...value, ...Object.fromEntries(branches) };
}

function isBranch(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
