/** Reference pages of components, made from their types: nothing is written that the code does not say. */
import path from "node:path";
import ts from "typescript";
import { ROOT } from "./site";
import { siteFields } from "./sitefields";

/** A component and the interface of its own settings. */
export interface Documented {
  readonly component: string;
  readonly file: string;
  readonly settings: string;
  readonly settingsFile: string;
  /** Further files that hold interfaces of its settings. */
  readonly more: readonly string[];
  /** Its section of the site file's `platform`; none where it comes by itself. */
  readonly section?: string;
}

interface Field {
  readonly name: string;
  readonly optional: boolean;
  readonly type: string;
  readonly text: string;
  readonly fallback: string;
}

/** The page of a component as Markdown. */
export function referencePage(documented: Documented): string {
  const { component, file, settings, settingsFile, more, section } = documented;
  const source = parsed(settingsFile);
  const interfaces = [source, ...more.map(parsed)].flatMap((each) => each.statements.filter(ts.isInterfaceDeclaration));
  const main = interfaces.find(({ name }) => name.text === settings);
  if (main === undefined) throw new Error(`${settingsFile} has no interface ${settings}`);
  const others = interfaces.filter((each) => each !== main && mentioned(main, each));
  return [
    `# ${component}`,
    "",
    textOf(parsed(file).statements.find((each) => ts.isClassDeclaration(each) && each.name?.text === component)),
    ...(section === undefined ? [] : ["", "## In the site file", "", ...siteFields(section)]),
    "",
    "## In a program",
    "",
    `\`new ${component}(name, { installation, … })\`, with`,
    "",
    ...table(main),
    ...others.flatMap((each) => ["", `### ${each.name.text}`, "", textOf(each), "", ...table(each)]),
    "",
    `Made from ${settingsFile} by \`RECORD_DOCS=1 npx jest test/docs/reference\`.`,
    "",
  ].join("\n");
}

function parsed(file: string): ts.SourceFile {
  const text = ts.sys.readFile(path.join(ROOT, file)) ?? "";
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
}

function mentioned(main: ts.InterfaceDeclaration, each: ts.InterfaceDeclaration): boolean {
  return main.members.some((member) => new RegExp(`\\b${each.name.text}\\b`).test(member.getText()));
}

function table(declared: ts.InterfaceDeclaration): readonly string[] {
  const rows = declared.members.filter(ts.isPropertySignature).map(fieldOf);
  return [
    "| field | type | meaning | default |",
    "|---|---|---|---|",
    ...rows.map(
      ({ name, type, text, fallback }) => `| \`${name}\` | ${code(type)} | ${cell(text)} | ${cell(fallback)} |`,
    ),
  ];
}

function fieldOf(member: ts.PropertySignature): Field {
  const tags = ts.getJSDocTags(member);
  const fallback = tags.find(({ tagName }) => tagName.text === "default");
  const name = member.name.getText();
  const text = textOf(member);
  if (text === "") throw new Error(`${name} says nothing about itself`);
  const optional = member.questionToken !== undefined;
  return {
    name,
    optional,
    text,
    type: (member.type?.getText() ?? "").replace(/readonly /g, "").replace(/\s+/g, " "),
    fallback: optional ? (ts.getTextOfJSDocComment(fallback?.comment) ?? "").replace(/^- /, "") : "required",
  };
}

function textOf(node: ts.Node | undefined): string {
  const [doc] = node === undefined ? [] : ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  return (ts.getTextOfJSDocComment(doc?.comment) ?? "")
    .replace(/(?<!\n)\n(?!\n)/g, " ")
    .replace(/ {2,}/g, " ")
    .trim();
}

const code = (text: string) => `\`${text.replace(/\|/g, "\\|")}\``;
const cell = (text: string) => text.replace(/\|/g, "\\|").replace(/\n+/g, " ");
