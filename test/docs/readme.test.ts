import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { parse } from "yaml";
import { checkSite } from "../../components/site/parse";
import { ROOT } from "../support/site";

const readme = readFileSync(path.join(ROOT, "README.md"), "utf8");

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1] ?? "",
  );
}

test("the TypeScript example compiles against the library", () => {
  const [example] = blocks("ts");
  expect(example).toContain('from "plinth"');
  const file = path.join(ROOT, "test/docs/readme-example.ts");
  const { config } = ts.readConfigFile(path.join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...rest) =>
    name === file
      ? ts.createSourceFile(name, example ?? "", ts.ScriptTarget.ES2022)
      : getSourceFile.call(host, name, ...rest);
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? example : readFile.call(host, name));
  const paths = { plinth: [path.join(ROOT, "components/index.ts")] };
  const program = ts.createProgram([file], { ...options, noEmit: true, types: ["node"], paths }, host);
  const errors = ts.getPreEmitDiagnostics(program, program.getSourceFile(file));
  expect(errors.map((error) => ts.flattenDiagnosticMessageText(error.messageText, "\n"))).toEqual([]);
});

test("the site file example is sound", () => {
  const [example] = blocks("yaml");
  expect(checkSite(parse(example ?? "").config["plinth:site"]).problems).toEqual([]);
});

test("every npm script and file the README names exists", () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  for (const [, script] of readme.matchAll(/npm run ([a-z:]+)/g)) expect(Object.keys(scripts)).toContain(script);
  for (const [, target] of readme.matchAll(/\]\(((?!https?:)[^)]+)\)/g))
    expect([target, existsSync(path.join(ROOT, target ?? ""))]).toEqual([target, true]);
});
