import type { z } from "zod";
import { type Problem, refuse } from "../problem";
import { suggestion } from "../similar";
import { checkRules } from "./rules/index";
import { type SiteSpec, siteSchema } from "./spec";

/**
 * Reads a site file: the whole list of what is wrong, or the spec.
 *
 * Fields and the rules between them are checked in one go: a rule looks at every value that is sound by itself, also
 * when others are not, so that one run shows everything there is to mend.
 */
export function checkSite(raw: unknown): { readonly spec?: SiteSpec; readonly problems: readonly Problem[] } {
  const parsed = siteSchema.safeParse(raw);
  const problems = parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, raw));
  const known = new Set(problems.map((problem) => problem.path));
  for (const problem of checkRules(raw)) {
    if (!known.has(problem.path)) problems.push(problem);
  }
  problems.sort((a, b) => order(raw, a.path) - order(raw, b.path));
  return parsed.success && problems.length === 0 ? { spec: parsed.data, problems } : { problems };
}

/** The spec of a site file; throws a ProblemError with everything that is wrong. */
export function parseSite(raw: unknown, file = "the site file"): SiteSpec {
  const { spec, problems } = checkSite(raw);
  refuse(`${file} has ${problems.length} problem${problems.length === 1 ? "" : "s"}; nothing was changed:`, problems);
  if (spec === undefined) throw new Error("unreachable: a site file without problems has a spec");
  return spec;
}

/** Problems in the order of the file: by the position of their top-level section. */
function order(raw: unknown, path: string): number {
  const section = path.split(/[.[]/)[0] ?? "";
  const position = typeof raw === "object" && raw !== null ? Object.keys(raw).indexOf(section) : -1;
  return position < 0 ? Number.MAX_SAFE_INTEGER : position;
}

/** Path as a person writes it: `machines.cp-1.disk`, `network.ntp[0]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

function at(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** One zod issue in plinth's words. A union tells what is wrong with the alternative that was meant. */
function problemsOf(issue: z.core.$ZodIssue, raw: unknown, prefix: readonly PropertyKey[] = []): Problem[] {
  const full = [...prefix, ...issue.path];
  const path = formatPath(full);
  const value = at(raw, full);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: formatPath([...full, key]),
        reason: "unknown key",
        fix: keyFix(key, full),
      }));
    case "invalid_type":
      return value === undefined
        ? [{ path, reason: "is missing", fix: `add it: ${article(issue.expected)}` }]
        : [
            {
              path,
              reason: `${show(value)} is not ${article(issue.expected)}`,
              fix: `write ${article(issue.expected)}${numberHint(value, issue.expected)}`,
            },
          ];
    case "invalid_value":
      return value === undefined
        ? [{ path, reason: "is missing", fix: `write ${oneOf(issue.values)}` }]
        : [
            {
              path,
              reason: `${show(value)} is not known here`,
              fix:
                suggestion(typeof value === "string" ? value : show(value), issue.values.map(String)) ??
                `write ${oneOf(issue.values)}`,
            },
          ];
    case "invalid_union":
      return unionProblems(issue, raw, full);
    case "invalid_key":
      // What is wrong with a key is told of the key, not of what stands under it.
      return issue.issues.flatMap((inner) =>
        problemsOf(inner, String(full.at(-1))).map((problem) => ({ ...problem, path })),
      );
    case "too_small":
    case "too_big":
      return [{ path, ...(own(issue.message) ?? sizeWords(issue, value, full)) }];
    case "invalid_format":
      return [{ path, ...(own(issue.message) ?? { reason: `${show(value)} does not fit here`, fix: purpose(full) }) }];
    case "custom": {
      const fix: unknown = issue.params?.fix;
      return [{ path, reason: issue.message, fix: typeof fix === "string" ? fix : purpose(full) }];
    }
    default:
      return [{ path, reason: `${show(value)}: ${issue.message}`, fix: purpose(full) }];
  }

  /** A field's own words for what is wrong, or for what to write. */
  function own(message: string): Words | undefined {
    if (/^(Invalid|Too small|Too big)\b/.test(message)) return undefined;
    if (/^(write|name|give|take) /.test(message)) return { reason: `${show(value)} does not fit here`, fix: message };
    return { reason: `${show(value)}: ${message}`, fix: purpose(full) };
  }
}

/** A problem without its place. */
type Words = Pick<Problem, "reason" | "fix">;

/** How much there is, and how much there may be. */
function sizeWords(
  issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig,
  value: unknown,
  full: readonly PropertyKey[],
): Words {
  const bound = issue.code === "too_small" ? `${issue.minimum} or more` : `${issue.maximum} or less`;
  if (Array.isArray(value)) {
    if (value.length === 0) return { reason: "is an empty list", fix: `name ${bound}: ${purpose(full)}` };
    return { reason: `has ${value.length} entries`, fix: `name ${bound}` };
  }
  if (typeof value !== "string") return { reason: `${show(value)} is out of bounds`, fix: `write ${bound}` };
  if (value === "") return { reason: "is empty", fix: `${purpose(full)}; leave the key out if there is none` };
  return { reason: `is ${value.length} letters long`, fix: `write ${bound}` };
}

/** What a field is for, in the words of the reference: those of the value itself, or of what it is part of. */
function purpose(path: readonly PropertyKey[]): string {
  const described = descriptions(path).at(-1);
  // "Default: …" and what a change does are no help to somebody who has to write the value.
  return described === undefined ? "write what the field is named after" : `what belongs here: ${first(described)}`;
}

/** Of a union's alternatives, report the one that matches the kind of value that was written. */
function unionProblems(issue: z.core.$ZodIssueInvalidUnion, raw: unknown, full: readonly PropertyKey[]): Problem[] {
  const value = at(raw, full);
  const path = formatPath(full);
  if (value === undefined) return [{ path, reason: "is missing", fix: UNION_FIX[String(full.at(-1))] ?? "add it" }];
  const alternatives = issue.errors.map((errors) => errors.flatMap((inner) => problemsOf(inner, raw, full)));
  const meant = alternatives.filter(
    (_, index) => !issue.errors[index]?.some((inner) => inner.code === "invalid_type" && inner.path.length === 0),
  );
  const closest = meant.sort((a, b) => a.length - b.length)[0];
  if (meant.length === 1 && closest) return closest;
  if (closest?.every((problem) => problem.path !== path)) {
    const fix = UNION_FIX[String(full.at(-1))];
    return fix ? [{ path, reason: `${show(value)} is none of the forms allowed here`, fix }] : closest;
  }
  return [
    {
      path,
      reason: `${show(value)} is none of the forms allowed here`,
      fix: UNION_FIX[String(full.at(-1))] ?? purpose(full),
    },
  ];
}

const UNION_FIX: Readonly<Record<string, string>> = {
  address: "write an address, as in 10.0.1.11, or {pool: NAME} to get one from a pool",
  vip: "write an address, as in 10.0.3.1, or {pool: NAME} to get one from a pool",
  store: "write one of {path: /folder} or {s3: {bucket: …, endpoint: …}}",
  disk: "write one of {wwid: …}, {serial: …} or {selector: {…}}; talosctl get disks --insecure lists them",
};

function article(type: string): string {
  return type === "object" || type === "record"
    ? "a section with keys"
    : type === "array"
      ? "a list"
      : type === "int"
        ? "a whole number"
        : `a ${type}`;
}

function numberHint(value: unknown, expected: string): string {
  return expected === "string" && typeof value !== "object" ? `: put it in quotes, "${String(value)}"` : "";
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(", ")}`;
}

function keyFix(key: string, parent: readonly PropertyKey[]): string {
  const known = knownKeys(parent);
  return suggestion(key, known) ?? (known.length > 0 ? `remove it; known here: ${known.join(", ")}` : "remove it");
}

/** Descriptions on the way to a value, the outermost first. */
function descriptions(path: readonly PropertyKey[]): string[] {
  return path.flatMap((_, index) => {
    const text = descriptionOf(schemaAt(path.slice(0, index + 1)));
    return text === undefined ? [] : [text];
  });
}

/** A description may stand on a field or on the type inside of it. */
function descriptionOf(schema: unknown): string | undefined {
  if (typeof schema !== "object" || schema === null) return undefined;
  const { description } = schema as { readonly description?: string };
  return description ?? descriptionOf(defOf(schema)?.innerType);
}

function first(text: string): string {
  return text.replace(/\.(\s.*)?$/s, "");
}

/** Keys the schema knows below a path; empty where it holds a map with free keys. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  const def = defOf(unwrap(schemaAt(path)));
  return def?.shape ? Object.keys(def.shape) : [];
}

interface SchemaDef {
  readonly type: string;
  readonly shape?: Record<string, unknown>;
  readonly innerType?: unknown;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
}

function defOf(schema: unknown): SchemaDef | undefined {
  return typeof schema === "object" && schema !== null && "_zod" in schema
    ? (schema as { _zod: { def: SchemaDef } })._zod.def
    : undefined;
}

function unwrap(schema: unknown): unknown {
  const def = defOf(schema);
  if (def?.innerType) return unwrap(def.innerType);
  if (def?.options) return unwrap(def.options.find((option) => defOf(unwrap(option))?.shape) ?? def.options[0]);
  return schema;
}

function schemaAt(path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(childOf, siteSchema);
}

/** What a key or an index leads to; of a union's alternatives, in the one that has it. */
function childOf(schema: unknown, part: PropertyKey): unknown {
  const def = defOf(schema);
  if (def?.innerType) return childOf(def.innerType, part);
  if (def?.options) return def.options.map((option) => childOf(option, part)).find((child) => child !== undefined);
  return def?.shape?.[String(part)] ?? def?.valueType ?? def?.element;
}
