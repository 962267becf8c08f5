import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Command } from "commander";
import { packageRoot } from "../../components/discovery";
import { dataSchemas, stackSchemaText } from "../../components/site/schema";

/** `plinth schema`: the JSON Schema that editors complete and check stack files with. */
export function registerSchema(program: Command): void {
  program
    .command("schema")
    .description("print the JSON Schema of a stack file")
    .option("--write", "write it to schema/ of this checkout instead, with those of plinth's own data files")
    .action((options: { write?: boolean }) => {
      if (options.write !== true) {
        process.stdout.write(stackSchemaText());
        return;
      }
      const files = { stack: stackSchemaText(), ...dataSchemas() };
      for (const [name, text] of Object.entries(files)) {
        const file = join(packageRoot, "schema", `${name}.schema.json`);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
        console.log(`wrote ${relative(process.cwd(), file)}`);
      }
    });
}
