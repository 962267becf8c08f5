import { Invalid, invalidModel } from "./errors";
import type { Field } from "./fields";
import type { Row, Store } from "./store";

/** Custom fields that apply to an object type, as in `ipam.ipaddress`. */
export function fieldsFor(store: Store, objectType: string): Row[] {
  return store.all("custom-fields").filter((row) => (row.object_types as string[]).includes(objectType));
}

function check(field: Row, value: unknown): void {
  if (value === null || value === undefined) return;
  const wrong = (why: string) => invalidModel(`Invalid value for custom field '${field.name as string}': ${why}`);
  switch (field.type) {
    case "text":
    case "longtext":
    case "url":
      if (typeof value !== "string") throw wrong("Value must be a string.");
      return;
    case "integer":
      if (!Number.isInteger(value)) throw wrong("Value must be an integer.");
      return;
    case "boolean":
      if (typeof value !== "boolean") throw wrong("Value must be true or false.");
      return;
    case "datetime":
      if (!/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d/.test(String(value))) {
        throw wrong("Date and time values must be in ISO 8601 format (YYYY-MM-DD HH:MM:SS).");
      }
      return;
    default:
      return;
  }
}

/** The `custom_fields` of an object: merged on write, complete on read. */
export function customFields(objectType: string): Field {
  return {
    initial: {},
    parse: (value, name, store) => {
      const known = new Map(fieldsFor(store, objectType).map((field) => [field.name, field]));
      const given = (value ?? {}) as Record<string, unknown>;
      for (const [key, one] of Object.entries(given)) {
        const field = known.get(key);
        if (!field) {
          throw new Invalid({ [name]: { [key]: `Custom field '${key}' does not exist for this object type.` } });
        }
        check(field, one);
      }
      return given;
    },
    show: (value, store) =>
      Object.fromEntries(
        fieldsFor(store, objectType).map((field) => [
          field.name,
          (value as Record<string, unknown>)[String(field.name)] ?? field.default ?? null,
        ]),
      ),
  };
}

/** Unique fields hold against every other object. Objects of the same request are not compared, as on a real server. */
export function checkUnique(
  store: Store,
  table: string,
  objectType: string,
  row: Readonly<Record<string, unknown>>,
  self?: number,
): void {
  const values = (row.custom_fields ?? {}) as Record<string, unknown>;
  for (const field of fieldsFor(store, objectType)) {
    const name = String(field.name);
    const value = values[name];
    if (field.unique !== true || value === null || value === undefined || value === "") continue;
    const twin = store
      .all(table)
      .find((other) => other.id !== self && (other.custom_fields as Record<string, unknown>)[name] === value);
    if (twin) throw invalidModel(`Custom field '${name}' must have a unique value.`);
  }
}
