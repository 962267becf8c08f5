import { createHash } from "node:crypto";
import type { Problem } from "../problem";

/** Values of a chart, or any part of them. */
export type Values = { readonly [key: string]: unknown };

/** The same values with the keys of every map in order: the same input gives the same bytes. */
export function sortedKeys<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sortedKeys) as T;
  if (!isMap(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortedKeys(item)])) as T;
}

/** A short text that changes with the value, and not with the order of its keys. */
export function digestOf(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sortedKeys(value)))
    .digest("hex")
    .slice(0, 16);
}

/** Values laid over others as Helm does it: maps key by key, everything else as a whole. */
export function mergeValues(base: Values, over: Values): Values {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key];
    merged[key] = isMap(old) && isMap(value) ? mergeValues(old, value) : value;
  }
  return merged;
}

/** Values with one more, whose key is a path as `crds.enabled`. */
export function withValue(values: Values, path: string, value: unknown): Values {
  const nested = path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return mergeValues(values, nested as Values);
}

/** Keys that a chart knows, as a tree; `null` where anything may follow. */
export type KnownKeys = { readonly [key: string]: KnownKeys | null };

/** Keys that a chart does not know: it would ignore them without a word. */
export function unknownValues(values: Values, known: KnownKeys, path: string): Problem[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const below = known[key];
    const at = path === "" ? key : `${path}.${key}`;
    if (below === undefined) {
      return [
        { path: at, reason: "is no value of the chart", fix: `it knows here ${Object.keys(known).sort().join(", ")}` },
      ];
    }
    return below !== null && isMap(value) ? unknownValues(value, below, at) : [];
  });
}

/** The tree of keys of a chart's default values. A map without keys, or with keys of a user, may hold anything. */
export function keysOf(defaults: Values): KnownKeys {
  return Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => {
      const named =
        isMap(value) && Object.keys(value).length > 0 && !Object.keys(value).some((name) => /[./]/.test(name));
      return [key, named ? keysOf(value) : null];
    }),
  );
}

function isMap(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
