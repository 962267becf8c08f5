import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { isMap, isScalar, parseDocument } from "yaml";
import { ProblemError } from "../../components/problem";
import { suggestion } from "../../components/similar";

/** `plinth renew`: says in a stack file that another machine, or a wiped one, stands under a key. */
export function registerRenew(program: Command): void {
  program
    .command("renew")
    .description("declare that another or a wiped machine stands under a key: the next update installs it")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .argument("<machine>", "its key in the site file")
    .action((file: string, machine: string) => {
      const { text, generation } = withNextGeneration(readFileSync(file, "utf8"), file, machine);
      const draft = `${file}.plinth-new`;
      writeFileSync(draft, text);
      renameSync(draft, file);
      console.log(
        `${file}: machines.${machine}.generation is ${generation} now. The next \`pulumi up\` forgets the machine that stood there and installs the one that waits in maintenance mode; \`pulumi preview\` shows it.`,
      );
    });
}

/** The stack file with the machine's generation raised by one; comments and everything else stay. Pure. */
export function withNextGeneration(
  text: string,
  file: string,
  machine: string,
): { readonly text: string; readonly generation: number } {
  const document = parseDocument(text);
  const at = ["config", "plinth:site", "machines"];
  const machines = document.errors.length > 0 ? undefined : document.getIn(at);
  const known = isMap(machines) ? machines.items.map(({ key }) => String(key)) : [];
  if (!known.includes(machine) || !isMap(document.getIn([...at, machine]))) {
    const fix =
      suggestion(machine, known) ?? (known.length > 0 ? `use one of ${known.join(", ")}` : "name a stack file");
    throw new ProblemError(`${file} cannot be changed:`, [
      { path: `machines.${machine}`, reason: "there is no such machine", fix },
    ]);
  }
  const before: unknown = document.getIn([...at, machine, "generation"]) ?? 1;
  if (typeof before !== "number" || !Number.isInteger(before) || before < 1) {
    throw new ProblemError(`${file} cannot be changed:`, [
      {
        path: `machines.${machine}.generation`,
        reason: `${String(before)} is no generation`,
        fix: "write a number from 1",
      },
    ]);
  }
  return { text: written(text, document.getIn([...at, machine], true), before + 1), generation: before + 1 };
}

/** Changed as text: printing the document again would move what a person has set. */
function written(text: string, machine: unknown, generation: number): string {
  if (!isMap(machine)) throw new Error("unreachable: a known machine is a map");
  const old = machine.get("generation", true);
  if (isScalar(old) && old.range) return text.slice(0, old.range[0]) + generation + text.slice(old.range[1]);
  const [start] = machine.range ?? [0];
  if (machine.flow === true) return `${text.slice(0, start + 1)} generation: ${generation},${text.slice(start + 1)}`;
  const indent = text.slice(text.lastIndexOf("\n", start) + 1, start);
  return `${text.slice(0, start)}generation: ${generation}\n${indent}${text.slice(start)}`;
}
