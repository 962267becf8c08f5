/** What an npm package with Pulumi resources can say: tokens, properties and their types, read from its declarations. */
import { readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/** Type of a value: a word, or an object with one of the members. */
export type Shape =
  | "string"
  | "number"
  | "boolean"
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly fields: Readonly<Record<string, Shape>>; readonly required: readonly string[] };

interface Fields {
  readonly fields: Readonly<Record<string, Shape>>;
  readonly required: readonly string[];
}

/** A resource as its declaration has it. */
export interface Declared {
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly required: readonly string[];
  /** Inputs that have a value as well when nobody gives one. */
  readonly computed: readonly string[];
  /** Outputs that are no inputs. */
  readonly outputs: readonly string[];
}

/** An installed package. */
export class Sdk {
  readonly version: string;
  private readonly folder: string;
  private readonly inputs: ts.SourceFile;

  constructor(name: string) {
    this.folder = path.dirname(require.resolve(`${name}/package.json`));
    this.version = JSON.parse(this.read("package.json")).version.replace(/^v/, "");
    this.inputs = this.parse("types/input.d.ts");
  }

  /** Names of the provider's own options. */
  options(): readonly string[] {
    return Object.keys(this.fieldsOf(interfaceOf(this.parse("provider.d.ts"), "ProviderArgs")).fields).sort();
  }

  /** The resource in a file, as `download/fileLegacy`, with its token. */
  resource(file: string): readonly [token: string, declared: Declared] {
    const token = /__pulumiType = '([^']+)'/.exec(this.read(`${file}.js`))?.[1];
    const source = this.parse(`${file}.d.ts`);
    const name = token?.split(":").at(-1) ?? "";
    const { fields, required } = this.fieldsOf(interfaceOf(source, `${name}Args`));
    const made = source.statements.find((each) => ts.isClassDeclaration(each) && each.name?.text === name);
    if (token === undefined || made === undefined) throw new Error(`${file} declares no resource`);
    const outputs = (made as ts.ClassDeclaration).members.flatMap((member) => {
      const type = ts.isPropertyDeclaration(member) ? (member.type?.getText(source) ?? "") : "";
      if (!type.startsWith("pulumi.Output<")) return [];
      return [{ name: member.name?.getText(source) ?? "", always: !/\| undefined>$/.test(type) }];
    });
    const names = (some: readonly { readonly name: string }[]) => some.map(({ name }) => name).sort();
    return [
      token,
      {
        inputs: fields,
        required,
        computed: names(outputs.filter(({ name, always }) => always && name in fields && !required.includes(name))),
        outputs: names(outputs.filter(({ name }) => !(name in fields))),
      },
    ] as const;
  }

  private read(file: string): string {
    return readFileSync(path.join(this.folder, file), "utf8");
  }

  private parse(file: string): ts.SourceFile {
    return ts.createSourceFile(file, this.read(file), ts.ScriptTarget.ES2022, true);
  }

  private fieldsOf(declared: ts.InterfaceDeclaration): Fields {
    const members = declared.members.filter(ts.isPropertySignature).map((member) => {
      if (member.type === undefined) throw new Error(`${declared.name.text} has a member without a type`);
      return { name: member.name.getText(), shape: this.shape(member.type), required: !member.questionToken };
    });
    members.sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      fields: Object.fromEntries(members.map(({ name, shape }) => [name, shape])),
      required: members.filter(({ required }) => required).map(({ name }) => name),
    };
  }

  /** `pulumi.Input<…>` stands for what is in it, and so does a type that may be left out. */
  private shape(node: ts.TypeNode): Shape {
    if (ts.isUnionTypeNode(node)) {
      const some = node.types.filter(({ kind }) => kind !== ts.SyntaxKind.UndefinedKeyword);
      const [only] = some;
      if (only !== undefined && some.length === 1) return this.shape(only);
    }
    if (ts.isArrayTypeNode(node)) return { list: this.shape(node.elementType) };
    if (ts.isParenthesizedTypeNode(node)) return this.shape(node.type);
    if (ts.isTypeLiteralNode(node)) {
      const [index] = node.members.filter(ts.isIndexSignatureDeclaration);
      if (index !== undefined) return { map: this.shape(index.type) };
    }
    if (ts.isTypeReferenceNode(node)) {
      const name = node.typeName.getText();
      const [argument] = node.typeArguments ?? [];
      if (name === "pulumi.Input" && argument !== undefined) return this.shape(argument);
      const inner = /^inputs\.(.+)$/.exec(name)?.[1];
      if (inner !== undefined) return this.fieldsOf(interfaceOf(this.inputs, inner));
    }
    const word = node.getText();
    if (word === "string" || word === "number" || word === "boolean") return word;
    throw new Error(`nobody knows the type ${word}`);
  }
}

/** The interface of that name, which may lie in namespaces: `download.File`. */
function interfaceOf(source: ts.SourceFile, name: string): ts.InterfaceDeclaration {
  const [last, ...spaces] = name.split(".").reverse();
  let statements: readonly ts.Statement[] = source.statements;
  for (const space of spaces.reverse()) {
    const found = statements.find((each) => ts.isModuleDeclaration(each) && each.name.text === space);
    const body = found && (found as ts.ModuleDeclaration).body;
    statements = body !== undefined && ts.isModuleBlock(body) ? body.statements : [];
  }
  const found = statements.find((each) => ts.isInterfaceDeclaration(each) && each.name.text === last);
  if (found === undefined) throw new Error(`there is no interface ${name} in ${source.fileName}`);
  return found as ts.InterfaceDeclaration;
}
