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
    case "too_small":
    case "too_big":
    case "invalid_format":
      return [{ path, reason: `${show(value)}: ${issue.message}`, fix: "see the reference of the site file" }];
    case "custom": {
      const fix: unknown = issue.params?.fix;
      return [{ path, reason: issue.message, fix: typeof fix === "string" ? fix : "correct it" }];
    }
    default:
      return [{ path, reason: issue.message, fix: "see the reference of the site file" }];
  }
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
      fix: UNION_FIX[String(full.at(-1))] ?? "see the reference of the site file",
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

/** Keys the schema knows below a path; empty where it holds a map with free keys. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = siteSchema;
  for (const part of path) schema = childOf(unwrap(schema), part);
  const def = defOf(unwrap(schema));
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

function childOf(schema: unknown, part: PropertyKey): unknown {
  const def = defOf(schema);
  return def?.shape?.[String(part)] ?? def?.valueType ?? def?.element;
}
