import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Command } from "commander";
import { isMap, isSeq, parseDocument, type YAMLMap } from "yaml";
import { pluginFolder, pluginLines, projectFile } from "../../components/discovery";
import { ProblemError } from "../../components/problem";

/** `plinth init`: lets a Pulumi project find plinth's provider plugin. */
export function registerInit(program: Command): void {
  program
    .command("init")
    .description("write into Pulumi.yaml where plinth's provider plugin is")
    .option("--dir <folder>", "the project, or a folder below it", process.cwd())
    .action(({ dir }: { dir: string }) => {
      console.log(initProject(dir));
    });
}

/** Changes the project file in place, all at once; returns a sentence about what was done. */
export function initProject(dir: string): string {
  const file = projectFile(dir);
  if (file === undefined || file.endsWith(".json")) {
    throw new ProblemError("plinth init", [
      {
        path: dir,
        reason: file === undefined ? "there is no Pulumi.yaml here or above" : `${file} is not YAML`,
        fix:
          file === undefined ? "run it inside a Pulumi project (`pulumi new` makes one)" : "add the provider by hand",
      },
    ]);
  }
  const before = readFileSync(file, "utf8");
  const after = withProvider(before, pluginFolder(dirname(file)), pluginLines(dirname(file)));
  if (after === before) return `${file} already says where plinth's provider plugin is: nothing to do.`;
  const draft = `${file}.plinth-new`;
  writeFileSync(draft, after);
  renameSync(draft, file);
  return `${file} now says where plinth's provider plugin is:\n${pluginLines(dirname(file))}`;
}

/** The project file with plinth's provider at `folder`; comments and everything else stay. Pure. */
export function withProvider(text: string, folder: string, lines: string): string {
  const document = parseDocument(text);
  const refuse = (reason: string): never => {
    throw new ProblemError("Pulumi.yaml", [
      { path: "plugins.providers", reason, fix: `correct it, or write it by hand:\n${lines}` },
    ]);
  };
  const [broken] = document.errors;
  if (broken !== undefined) refuse(`the file is not valid YAML: ${broken.message}`);
  const plugins = document.get("plugins");
  // The most common case leaves every other byte of the file alone.
  if (plugins === undefined) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${lines}\n`;
  if (!isMap(plugins)) return refuse("plugins is not a map");
  const providers = plugins.get("providers");
  if (providers !== undefined && !isSeq(providers)) return refuse("it is not a list");
  const own = providers?.items.find((item): item is YAMLMap => isMap(item) && item.get("name") === "plinth");
  if (own?.get("path") === folder) return text;
  if (own !== undefined) own.set("path", folder);
  else if (providers !== undefined) providers.add(document.createNode({ name: "plinth", path: folder }));
  else plugins.set("providers", document.createNode([{ name: "plinth", path: folder }]));
  return document.toString({ lineWidth: 0 });
}
