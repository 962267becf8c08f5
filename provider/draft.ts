/**
 * Values the engine does not know yet. They appear at preview only, at any depth of a resource's inputs; a
 * {@link Draft} is the type of such inputs, and code that holds one has to ask before it uses a value.
 */
export const unknown: unique symbol = Symbol("not known until the update runs");
export type Unknown = typeof unknown;

/** `T` in which any part may still be unknown. */
export type Draft<T> =
  | Unknown
  | (T extends string | number | boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Draft<Item>[]
        : { readonly [Key in keyof T]: Draft<T[Key]> });

/** The value if it and everything below it is known. */
export function known<T>(value: Draft<T>): T | undefined {
  return hasUnknown(value) ? undefined : (value as T);
}

/** Whether the value or anything below it is unknown. */
export function hasUnknown(value: unknown): boolean {
  if (value === unknown) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasUnknown);
}

/** Entries of an object whose own value is known; none of an unknown object. Values may hold unknown parts. */
export function knownEntries<T>(
  value: Draft<{ readonly [key: string]: T }> | undefined,
): readonly (readonly [string, Exclude<Draft<T>, Unknown>])[] {
  if (value === undefined || value === unknown) return [];
  return Object.entries(value)
    .filter(([, item]) => item !== unknown)
    .map(([key, item]) => [key, item as Exclude<Draft<T>, Unknown>] as const);
}
