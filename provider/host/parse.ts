/** The schema at the boundary: problems with paths, tolerant of what is not known yet. */
import type { z } from "zod";
import type { Problem } from "../../components/problem";
import { hasUnknown, unknown } from "../draft";
import { type AnyResource, type Context, propertyPath } from "../resource";

/** Every problem the schema finds in inputs, leaving out what only looks wrong because it is still unknown. */
export function schemaProblems(schema: z.ZodType, value: unknown): readonly Problem[] {
  return mistakes(schema, value).map(({ path, reason, fix }) => ({ path: propertyPath(...path), reason, fix }));
}

/**
 * Every problem of a resource's inputs at once: those of the schema, and those the resource finds in what is left when
 * the mistaken parts count as unknown.
 */
export async function inputProblems(
  resource: AnyResource,
  value: unknown,
  context: Context,
  accepted?: () => unknown,
): Promise<readonly Problem[]> {
  const shape = schemaProblems(resource.inputs, value);
  if (shape.length === 0) return resource.check(value, context, accepted);
  const rest = mistakes(resource.inputs, value).reduce<unknown>((draft, { path }) => blank(draft, path), value);
  try {
    return [...shape, ...(await resource.check(rest, context, accepted))];
  } catch {
    // What is left may be too little to judge; the schema's problems come first anyway.
    return shape;
  }
}

interface Mistake {
  readonly path: readonly (string | number)[];
  readonly reason: string;
  readonly fix: string;
}

function mistakes(schema: z.ZodType, value: unknown): readonly Mistake[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
    if (hasUnknown(deepest(value, path))) return [];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: [...path, key],
        reason: "is not a known property",
        fix: "remove it, or correct its spelling",
      }));
    }
    return [{ path, reason: issue.message, fix: fixFor(issue) }];
  });
}

/** The value with the part at the path unknown. */
function blank(value: unknown, [first, ...rest]: readonly (string | number)[]): unknown {
  if (first === undefined || typeof value !== "object" || value === null) return unknown;
  if (Array.isArray(value)) return value.map((item, place) => (place === first ? blank(item, rest) : item));
  const branch = value as { readonly [key: string]: unknown };
  return { ...branch, [first]: blank(branch[first], rest) };
}

/** The value at the path, or the last one on the way to it. */
function deepest(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== "object" || at === null || !(part in at)) return at === value ? undefined : at;
    at = (at as { readonly [key: string | number]: unknown })[part];
  }
  return at;
}

function fixFor(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `give a value of type ${issue.expected}`;
  if (issue.code === "invalid_value") return `give one of ${issue.values.map(String).join(", ")}`;
  return "correct the value";
}
