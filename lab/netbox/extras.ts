import { Invalid, invalid } from "./errors";
import { choice, type Field, flag, json, tags as tagList, text, whole } from "./fields";
import { choiceFilter, numberFilters, textFilters, timeFilters } from "./filters";
import type { Model } from "./model";

const types = {
  text: "Text",
  longtext: "Text (long)",
  integer: "Integer",
  decimal: "Decimal",
  boolean: "Boolean (true/false)",
  date: "Date",
  datetime: "Date & time",
  url: "URL",
  json: "JSON",
  select: "Selection",
  multiselect: "Multiple selection",
  object: "Object",
  multiobject: "Multiple objects",
};

/** Filters every kind of object has. */
export const commonFilters = { ...numberFilters("id"), ...timeFilters("created"), ...timeFilters("last_updated") };

/** Tags. */
export const tags: Model = {
  path: "extras/tags",
  table: "tags",
  label: "Tag",
  objectType: "extras.tag",
  display: (row) => String(row.name),
  order: (a, b) => String(a.name).localeCompare(String(b.name)),
  fields: {
    name: text({ max: 100, required: true }),
    slug: text({
      max: 100,
      required: true,
      parse: (value, name) => {
        if (typeof value === "string" && /^[-\w]+$/.test(value)) return value;
        throw invalid(name, 'Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.');
      },
    }),
    color: text({ max: 6, initial: "9e9e9e" }),
    description: text(),
    object_types: json([]),
  },
  filters: { ...commonFilters, ...textFilters("name"), ...textFilters("slug") },
  check: (row, store, _settings, self) => {
    for (const key of ["name", "slug"]) {
      const twin = store.all("tags").find((other) => other.id !== self && other[key] === row[key]);
      if (twin) throw invalid(key, `tag with this ${key} already exists.`);
    }
  },
  removed: (row, store) => {
    for (const table of ["ip-addresses", "prefixes", "ip-ranges", "mac-addresses", "interfaces", "devices", "sites"]) {
      for (const one of store.all(table)) {
        const list = (one.tags ?? []) as number[];
        if (list.includes(row.id)) store.update(table, one.id, { tags: list.filter((id) => id !== row.id) });
      }
    }
  },
};

/** The `tags` field of every taggable object. */
export function tagsField(): Field {
  return tagList((row, base) => ({
    id: row.id,
    url: `${base}/api/extras/tags/${row.id}/`,
    display_url: `${base}/extras/tags/${row.id}/`,
    display: row.name,
    name: row.name,
    slug: row.slug,
    color: row.color,
  }));
}

/** Definitions of custom fields. */
export const customFieldModel: Model = {
  path: "extras/custom-fields",
  table: "custom-fields",
  label: "CustomField",
  objectType: "extras.customfield",
  display: (row) => String(row.label || row.name),
  fields: {
    object_types: {
      required: true,
      parse: (value, name) => {
        if (Array.isArray(value) && value.length > 0) return value;
        throw invalid(name, "This list may not be empty.");
      },
    },
    type: { ...choice(types, "text"), required: true },
    name: text({
      max: 50,
      required: true,
      parse: (value, name) => {
        if (typeof value === "string" && /^[a-z0-9_]+$/i.test(value)) return value;
        throw invalid(name, "Only alphanumeric characters and underscores are allowed.");
      },
    }),
    label: text({ max: 50 }),
    group_name: text({ max: 50 }),
    description: text(),
    required: flag(),
    unique: flag(),
    search_weight: whole(1000),
    filter_logic: choice({ disabled: "Disabled", loose: "Loose", exact: "Exact" }, "loose"),
    ui_visible: choice({ always: "Always", "if-set": "If set", hidden: "Hidden" }, "always"),
    ui_editable: choice({ yes: "Yes", no: "No", hidden: "Hidden" }, "yes"),
    is_cloneable: flag(),
    default: json(),
    weight: whole(100),
    validation_minimum: json(),
    validation_maximum: json(),
    validation_regex: text({ max: 500 }),
    choice_set: json(),
    comments: text({ max: 100_000 }),
  },
  filters: { ...commonFilters, ...textFilters("name"), ...choiceFilter("type", Object.keys(types)) },
  check: (row, store, _settings, self) => {
    const twin = store.all("custom-fields").find((other) => other.id !== self && other.name === row.name);
    if (twin) throw new Invalid({ name: ["custom field with this name already exists."] });
  },
};
