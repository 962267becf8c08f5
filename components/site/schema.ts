import { z } from "zod";
import { extensionsSchema, profileSchema } from "../hardware/profile";
import { siteSchema } from "./spec";

/**
 * JSON Schema (draft-07, the newest that yaml-language-server reads) of a stack file: what the modeline at the top of
 * every stacks/Pulumi.<env>.yaml gives an editor for completion and checks.
 */
export function stackSchema(): Record<string, unknown> {
  const site = z.toJSONSchema(siteSchema, { target: "draft-07", io: "input" });
  delete site.$schema;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Stack file of a plinth site",
    type: "object",
    required: ["config"],
    properties: {
      config: { type: "object", required: ["plinth:site"], properties: { "plinth:site": site } },
    },
  };
}

/** Text of schema/stack.schema.json. */
export function stackSchemaText(): string {
  return `${JSON.stringify(stackSchema(), null, 2)}\n`;
}

/** Schemas of the data files that plinth comes with, by name, as text. */
export function dataSchemas(): Readonly<Record<string, string>> {
  const text = (title: string, schema: z.ZodType) =>
    `${JSON.stringify({ ...z.toJSONSchema(schema, { target: "draft-07", io: "input" }), title }, null, 2)}\n`;
  return {
    hardware: text("Hardware profile of plinth", profileSchema),
    extensions: text("Catalogue of system extensions", extensionsSchema),
  };
}
