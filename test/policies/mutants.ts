import { readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import type { Rule } from "../../policies/rule";
import { ROOT } from "../support/site";

/** A rule with one condition negated or dropped. */
export interface Mutant {
  /** What was changed, and where. */
  readonly what: string;
  /** The changed rule; throws where it does not load. */
  load(): Rule;
}

const OPPOSITES = new Map([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "==="],
  [ts.SyntaxKind.LessThanToken, ">="],
  [ts.SyntaxKind.GreaterThanToken, "<="],
  [ts.SyntaxKind.LessThanEqualsToken, ">"],
  [ts.SyntaxKind.GreaterThanEqualsToken, "<"],
]);

/** Methods whose argument decides what is kept. */
const DECIDING = ["filter", "some", "every", "find"];

/** Every way to negate or drop one condition of a rule's file. */
export function mutantsOf(rule: Rule): readonly Mutant[] {
  const file = path.join(ROOT, "policies/rules", rule.area, `${rule.name}.ts`);
  const text = readFileSync(file, "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const edits: { readonly start: number; readonly end: number; readonly to: string }[] = [];
  const replace = (node: ts.Node, to: string) => edits.push({ start: node.getStart(), end: node.getEnd(), to });
  const visit = (node: ts.Node): void => {
    if (ts.isIfStatement(node)) replace(node.expression, `!(${node.expression.getText()})`);
    if (ts.isConditionalExpression(node)) replace(node.condition, `!(${node.condition.getText()})`);
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      replace(node, node.operand.getText());
    }
    if (ts.isBinaryExpression(node)) {
      const operator = node.operatorToken.kind;
      const [left, right] = [node.left.getText(), node.right.getText()];
      if (operator === ts.SyntaxKind.AmpersandAmpersandToken || operator === ts.SyntaxKind.BarBarToken) {
        replace(node, `(${left})`);
        replace(node, `(${right})`);
      }
      const opposite = OPPOSITES.get(operator);
      if (opposite !== undefined) replace(node.operatorToken, opposite);
    }
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const [argument] = node.arguments;
      if (argument !== undefined && DECIDING.includes(node.expression.name.text)) {
        replace(argument, "(() => true)");
        replace(argument, "(() => false)");
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return edits.map(({ start, end, to }) => {
    const { line, character } = source.getLineAndCharacterOfPosition(start);
    return {
      what: `${rule.name}:${line + 1}:${character + 1} ${text.slice(start, end)} -> ${to}`,
      load: () => compiled(`${text.slice(0, start)}${to}${text.slice(end)}`, file),
    };
  });
}

/** Runs a module's text in the place of its file. */
function compiled(text: string, file: string): Rule {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  });
  const module: { exports: { rule?: Rule } } = { exports: {} };
  const load = (name: string) => require(name.startsWith(".") ? path.resolve(path.dirname(file), name) : name);
  new Function("require", "module", "exports", outputText)(load, module, module.exports);
  if (module.exports.rule === undefined) throw new Error(`${file} exports no rule`);
  return module.exports.rule;
}
