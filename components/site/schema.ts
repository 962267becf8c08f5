import { z } from "zod";
import { extensionsSchema, profileSchema } from "../hardware/profile";
import { siteSchema } from "./spec";

/** A secret as the engine writes it into a stack file, or as a person does before that. */
const secret = z.union([z.string().min(1), z.strictObject({ secure: z.string() })]);

const service = z.strictObject({
  url: z.url().describe("Where it answers, as in https://netbox.example.org."),
  token: secret.optional().describe("API token: `pulumi config set --secret --path plinth:NAME.token`."),
  caCertificate: z.string().optional().describe("PEM of the CA its certificate chains to. Default: the system's CAs."),
});

/** Settings of plinth's own provider, which stand beside the site in a stack file. */
const settings = z.strictObject({
  netbox: service.optional().describe("NetBox, for pools with backend netbox."),
  bootServer: service.optional().describe("The boot server that machines without an image ask."),
  latitude: z
    .strictObject({
      url: z.url().optional().describe("Where its API answers. Default: the public one."),
      token: secret.optional().describe("API key: `pulumi config set --secret --path plinth:latitude.token`."),
    })
    .optional()
    .describe("Account at Latitude.sh, for provider latitude. Default: LATITUDESH_BEARER of the environment."),
  s3: z
    .strictObject({
      accessKeyId: z.string().min(1).describe("Access key of the bucket."),
      secretAccessKey: secret.describe("Its secret: `pulumi config set --secret --path plinth:s3.secretAccessKey`."),
      sessionToken: secret.optional().describe("Token of a temporary access key. Default: none."),
    })
    .optional()
    .describe("Credentials of the bucket that snapshots go to. Default: those of the environment."),
});

/**
 * JSON Schema (draft-07, the newest that yaml-language-server reads) of a stack file: what the modeline at the top of
 * every stacks/Pulumi.<env>.yaml gives an editor for completion and checks.
 */
export function stackSchema(): Record<string, unknown> {
  const site = z.toJSONSchema(siteSchema, { target: "draft-07", io: "input" });
  delete site.$schema;
  const { properties = {} } = z.toJSONSchema(settings, { target: "draft-07", io: "input" });
  const beside = Object.entries(properties).map(([key, value]) => [`plinth:${key}`, value]);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Stack file of a plinth site",
    type: "object",
    required: ["config"],
    properties: {
      config: {
        type: "object",
        required: ["plinth:site"],
        properties: { "plinth:site": site, ...Object.fromEntries(beside) },
      },
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
