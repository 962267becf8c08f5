/** Tables of the site file's fields, made from its schema: nothing is written that the schema does not say. */
import { z } from "zod";
import { platformSchema } from "../../components/platform/spec";

type Schema = z.core.JSONSchema.JSONSchema;

const platform = z.toJSONSchema(platformSchema, { target: "draft-07", io: "input" });

/** What `platform.<section>` means, and a table of the fields in it. */
export function siteFields(section: string): readonly string[] {
  const declared = platform.properties?.[section] as Schema | undefined;
  if (declared?.description === undefined) throw new Error(`platform.${section} is no section that says what it is`);
  return [
    `\`platform.${section}\`: ${declared.description}`,
    "",
    "| field | type | meaning | default |",
    "|---|---|---|---|",
    ...rows(declared, ""),
  ];
}

/** A row for each field, those of objects and of entries by name with their whole path. */
function rows(schema: Schema, prefix: string): readonly string[] {
  const entry = schema.additionalProperties;
  if (typeof entry === "object" && entry.type === "object") return rows(entry, `${prefix}<name>.`);
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const field = value as Schema;
    const name = `${prefix}${key}`;
    if (field.description === undefined) throw new Error(`${name} says nothing about itself`);
    const [, meaning = "", told] = /^(.*?)(?: Default: (.*?)\.(?= |$).*)?$/s.exec(field.description) ?? [];
    const after = told === undefined ? "" : field.description.slice(meaning.length + ` Default: ${told}.`.length);
    const required = schema.required?.includes(key) ?? false;
    const row = [`\`${name}\``, typeOf(field), cell(`${meaning}${after}`), cell(defaultOf(field, told, required))];
    return [`| ${row.join(" | ")} |`, ...rows(field, `${name}.`)];
  });
}

function defaultOf(field: Schema, told: string | undefined, required: boolean): string {
  if (required) return "required";
  if (told !== undefined) return told;
  return field.default === undefined ? "none" : `\`${JSON.stringify(field.default)}\``;
}

function typeOf(field: Schema): string {
  if (field.const !== undefined) return `\`${field.const}\``;
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(", ");
  const union = field.anyOf ?? field.oneOf;
  if (union !== undefined) return union.map((each) => typeOf(each as Schema)).join(" or ");
  if (field.type === "array") return `list of ${typeOf((field.items ?? {}) as Schema)}`;
  if (field.type === "object" && field.properties === undefined) return "by name";
  const types: readonly unknown[] = Array.isArray(field.type) ? field.type : [field.type];
  return types.join(" or ");
}

const cell = (text: string) => text.replace(/\|/g, "\\|").replace(/\n+/g, " ");
