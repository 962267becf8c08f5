import type { Problem } from "../problem";

/**
 * Texts that go-yaml writes in a way known here, byte for byte: anything else is refused rather than guessed, because
 * one quote more or less gives another image.
 */
const PLAIN = /^(?:-?[A-Za-z]|[/_][A-Za-z])(?:[A-Za-z0-9/_.=,+@%:[\]&?~-]*[A-Za-z0-9/_.=,+@%\]&?~-])?$/;
const YAML_WORDS = new Set(["true", "false", "yes", "no", "on", "off", "y", "n", "null"]);

const isPlain = (value: string): boolean => PLAIN.test(value) && !YAML_WORDS.has(value.toLowerCase());

/** Why a single word cannot be written without quotes. */
export function scalarProblem(value: string, path: string): Problem | undefined {
  if (isPlain(value)) return undefined;
  return {
    path,
    reason: `"${value}" cannot be written into a schematic without quoting, so its image id cannot be computed offline`,
    fix: "use letters, digits and / _ . = , + @ % : [ ] & ? ~ - only, beginning with a letter, or create the schematic at an Image Factory and name its id in talos.schematic",
  };
}

/** Several lines of printable ASCII, none ending in a blank, the first one not beginning with one. */
const BLOCK = /^(?![ \t])(?:[!-~\t ]*[!-~])?(?:\n(?:[!-~\t ]*[!-~])?)+$/;

/** Why a text, of one line or several, cannot be written. */
export function textProblem(value: string, path: string): Problem | undefined {
  if (isPlain(value) || isBlock(value)) return undefined;
  return {
    path,
    reason: "the text cannot be written into a schematic in one way only, so its image id cannot be computed offline",
    fix: "write lines of printable ASCII without blanks at their ends and without empty lines at the beginning or end, and end the text with a newline",
  };
}

function isBlock(value: string): boolean {
  return BLOCK.test(value) && !value.startsWith("\n") && !value.endsWith("\n\n");
}

/** `key: value` as lines: one word on the line of its key, anything longer as a block `indent` deeper. */
export function text(key: string, value: string, indent = 4): string[] {
  if (isPlain(value)) return [`${key}: ${value}`];
  const ends = value.endsWith("\n");
  const lines = (ends ? value.slice(0, -1) : value).split("\n");
  return [`${key}: ${ends ? "|" : "|-"}`, ...lines.map((line) => (line === "" ? "" : `${" ".repeat(indent)}${line}`))];
}
