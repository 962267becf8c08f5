import { createHash } from "node:crypto";
import type { Problem } from "../problem";

/** What an Image Factory image is made of, as far as plinth declares it. */
export interface Schematic {
  /** Official system extensions, as `siderolabs/iscsi-tools`. Order and duplicates do not matter. */
  readonly extensions?: readonly string[];
  /** Kernel arguments, appended in this order. */
  readonly kernelArgs?: readonly string[];
  /** Board overlay for single-board computers. @default - none */
  readonly overlay?: { readonly image: string; readonly name: string };
}

/**
 * Plain YAML scalars that every YAML writer leaves unquoted: anything else is refused rather than guessed, because one
 * quote more or less gives another image.
 */
const SAFE_SCALAR = /^-?[A-Za-z/_][A-Za-z0-9/_.=,+@%-]*(?::[A-Za-z0-9/_.=,+@%-]+)*$/;
const YAML_WORDS = new Set(["true", "false", "yes", "no", "on", "off", "y", "n", "null"]);

function scalarProblem(value: string, path: string): Problem | undefined {
  if (SAFE_SCALAR.test(value) && !YAML_WORDS.has(value.toLowerCase())) return undefined;
  return {
    path,
    reason: `"${value}" cannot be written into a schematic without quoting, so its image id cannot be computed offline`,
    fix: "use letters, digits and / _ . = , + @ % : - only, or create the schematic at an Image Factory and name its id in talos.schematic",
  };
}

/** Everything that cannot be encoded; `path` is where the schematic stands in the input. */
export function checkSchematic(schematic: Schematic, path: string): Problem[] {
  const problems: Problem[] = [];
  const add = (problem: Problem | undefined) => problem && problems.push(problem);
  schematic.extensions?.forEach((name, index) => {
    add(scalarProblem(name, `${path}.extensions[${index}]`));
  });
  schematic.kernelArgs?.forEach((arg, index) => {
    add(scalarProblem(arg, `${path}.kernelArgs[${index}]`));
  });
  if (schematic.overlay) {
    add(scalarProblem(schematic.overlay.image, `${path}.overlay.image`));
    add(scalarProblem(schematic.overlay.name, `${path}.overlay.name`));
  }
  return problems;
}

/**
 * The schematic as the Image Factory writes it: fixed field order, four spaces of indent, sequences indented below
 * their key, a trailing newline. (siderolabs/image-factory, pkg/schematic.)
 */
export function schematicYaml(schematic: Schematic): string {
  const kernelArgs = schematic.kernelArgs ?? [];
  const extensions = [...new Set(schematic.extensions ?? [])].sort();
  const lines: string[] = [];
  if (schematic.overlay) {
    lines.push("overlay:", `    image: ${schematic.overlay.image}`, `    name: ${schematic.overlay.name}`);
  }
  if (kernelArgs.length === 0 && extensions.length === 0) lines.push("customization: {}");
  else lines.push("customization:");
  if (kernelArgs.length > 0) lines.push("    extraKernelArgs:", ...kernelArgs.map((arg) => `        - ${arg}`));
  if (extensions.length > 0) {
    lines.push("    systemExtensions:", "        officialExtensions:");
    lines.push(...extensions.map((name) => `            - ${name}`));
  }
  return `${lines.join("\n")}\n`;
}

/** Id of the schematic: the SHA-256 of its YAML in hex, as every Image Factory computes it. */
export function schematicId(schematic: Schematic): string {
  return createHash("sha256").update(schematicYaml(schematic)).digest("hex");
}

/** Installer image of a schematic and version, as `factory.talos.dev/metal-installer/<id>:v1.13.0`. */
export function installerImage(
  id: string,
  version: string,
  factory = "factory.talos.dev",
  { secureBoot = false }: { readonly secureBoot?: boolean } = {},
): string {
  return `${factory}/metal-installer${secureBoot ? "-secureboot" : ""}/${id}:${version}`;
}
