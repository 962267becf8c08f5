import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Command } from "commander";
import { packageRoot } from "../../components/discovery";
import { stackSchemaText } from "../../components/site/schema";

/** `plinth schema`: the JSON Schema that editors complete and check stack files with. */
export function registerSchema(program: Command): void {
  program
    .command("schema")
    .description("print the JSON Schema of a stack file")
    .option("--write", "write it to schema/stack.schema.json of this checkout instead")
    .action((options: { write?: boolean }) => {
      if (options.write !== true) {
        process.stdout.write(stackSchemaText());
        return;
      }
      const file = join(packageRoot, "schema", "stack.schema.json");
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, stackSchemaText());
      console.log(`wrote ${relative(process.cwd(), file)}`);
    });
}
