import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { stackSchema, stackSchemaText } from "../../components/site/schema";
import { providerConfig } from "../../provider/host/config";
import { ROOT } from "../support/site";

const stacks = readdirSync(path.join(ROOT, "stacks")).filter((file) => /^Pulumi\..+\.yaml$/.test(file));

test("schema/stack.schema.json is current (npm run schema writes it)", () => {
  expect(readFileSync(path.join(ROOT, "schema/stack.schema.json"), "utf8")).toBe(stackSchemaText());
});

test.each(stacks)("%s names its schema to the editor", (file) => {
  const [first] = readFileSync(path.join(ROOT, "stacks", file), "utf8").split("\n");
  expect(first).toBe("# yaml-language-server: $schema=../schema/stack.schema.json");
});

test("every field tells an editor what it is", () => {
  const missing: string[] = [];
  const visit = (schema: unknown, where: string) => {
    if (typeof schema !== "object" || schema === null) return;
    const { properties, additionalProperties, anyOf, items } = schema as Record<string, unknown>;
    for (const [key, child] of Object.entries((properties ?? {}) as Record<string, { description?: string }>)) {
      if (child.description === undefined) missing.push(`${where}.${key}`);
      visit(child, `${where}.${key}`);
    }
    visit(additionalProperties, `${where}.*`);
    visit(items, `${where}[]`);
    for (const alternative of (anyOf ?? []) as unknown[]) visit(alternative, where);
  };
  const { properties } = stackSchema() as { properties: { config: { properties: Record<string, unknown> } } };
  for (const [key, schema] of Object.entries(properties.config.properties)) visit(schema, key);
  expect(missing.filter((where) => !where.endsWith(".secure"))).toEqual([]);
});

test("an editor knows every setting that the provider takes beside the site", () => {
  const { properties } = stackSchema() as { properties: { config: { properties: Record<string, unknown> } } };
  const taken = Object.keys(providerConfig.shape).filter((key) => !["version", "pluginDownloadURL"].includes(key));
  expect(Object.keys(properties.config.properties).sort()).toEqual(taken.map((key) => `plinth:${key}`).sort());
});
