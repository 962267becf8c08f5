/** The schema at the boundary: problems with paths, tolerant of what is not known yet. */
import type { z } from "zod";
import type { Problem } from "../../components/problem";
import { hasUnknown } from "../draft";
import { propertyPath } from "../resource";

/** Every problem the schema finds in inputs, leaving out what only looks wrong because it is still unknown. */
export function schemaProblems(schema: z.ZodType, value: unknown): readonly Problem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
    if (hasUnknown(deepest(value, path))) return [];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: propertyPath(...path, key),
        reason: "is not a known property",
        fix: "remove it, or correct its spelling",
      }));
    }
    return [{ path: propertyPath(...path), reason: issue.message, fix: fixFor(issue) }];
  });
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
