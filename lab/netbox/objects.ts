import { type FieldErrors, Invalid } from "./errors";
import { parseTags } from "./fields";
import { brief, type Model, type Settings } from "./model";
import type { Row, Store } from "./store";
import type { Behaviour } from "./versions";

type Body = Readonly<Record<string, unknown>>;

/** What every change needs to know. */
export interface Scope {
  readonly store: Store;
  readonly settings: Settings;
  readonly version: Behaviour;
}

/** An object as the API shows it. `base` is scheme and host of the request. */
export function show(model: Model, row: Row, base: string, { store, version }: Scope): Record<string, unknown> {
  const shown: Record<string, unknown> = brief(model, row, base, store);
  for (const [name, field] of Object.entries(model.fields)) {
    const kept = row[name] ?? field.initial ?? null;
    shown[name] = field.show ? field.show(kept, store, row, base) : kept;
  }
  if (version.owners) shown.owner = null;
  return { ...shown, created: row.created, last_updated: row.last_updated };
}

/** The fields a client may set, read from what it sent. Unknown names are ignored. */
function parse(model: Model, body: Body, store: Store, partial: boolean): Record<string, unknown> {
  const errors: FieldErrors = {};
  const parsed: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(model.fields)) {
    if (field.readOnly) continue;
    if (!(name in body)) {
      if (partial) continue;
      if (field.required) errors[name] = ["This field is required."];
      else parsed[name] = field.initial ?? null;
      continue;
    }
    try {
      parsed[name] = field.parse ? field.parse(body[name], name, store) : body[name];
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      Object.assign(errors, error.errors);
    }
  }
  if (Object.keys(errors).length > 0) throw new Invalid(errors);
  return parsed;
}

/** Runs `change` on every item; the errors are a list as long as the items, with `{}` for good ones. */
export function each<T, R>(items: readonly T[], change: (item: T) => R): R[] {
  const errors: FieldErrors[] = [];
  const results: R[] = [];
  for (const item of items) {
    try {
      results.push(change(item));
      errors.push({});
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      errors.push(error.errors);
    }
  }
  if (errors.some((one) => Object.keys(one).length > 0)) throw new BulkInvalid(errors);
  return results;
}

/** What is wrong with each object of a request. */
export class BulkInvalid extends Error {
  constructor(readonly errors: readonly FieldErrors[]) {
    super("invalid objects");
    this.name = "BulkInvalid";
  }
}

/**
 * Makes all objects or none. Each is checked against what exists before any is made, so two alike in one request both
 * pass: that is how a real server behaves.
 */
export function create(model: Model, bodies: readonly Body[], { store, settings }: Scope): Row[] {
  const parsed = each(bodies, (body) => {
    const fields = parse(model, body, store, false);
    model.check?.(fields, store, settings);
    return fields;
  });
  return parsed.map((fields) => store.insert(model.table, fields));
}

/** Changes one object. Custom fields are merged, tags replaced unless `add_tags` or `remove_tags` say otherwise. */
export function update(model: Model, row: Row, body: Body, { store, settings, version }: Scope): Row {
  const fields = parse(model, body, store, true);
  if ("custom_fields" in fields) {
    fields.custom_fields = { ...(row.custom_fields as object), ...(fields.custom_fields as object) };
  }
  if (version.incrementalTags && !("tags" in fields) && "tags" in model.fields) {
    const kept = (row.tags ?? []) as number[];
    const added = "add_tags" in body ? parseTags(body.add_tags, "add_tags", store) : [];
    const removed = "remove_tags" in body ? parseTags(body.remove_tags, "remove_tags", store) : [];
    if ("add_tags" in body || "remove_tags" in body) {
      fields.tags = [...new Set([...kept, ...added])].filter((id) => !removed.includes(id));
    }
  }
  model.check?.({ ...row, ...fields }, store, settings, row.id);
  return store.update(model.table, row.id, fields);
}

/** Removes one object and what hangs on it. */
export function remove(model: Model, row: Row, { store }: Scope): void {
  model.removed?.(row, store);
  store.remove(model.table, row.id);
}
