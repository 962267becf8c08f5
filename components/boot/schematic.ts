import { createHash } from "node:crypto";
import type { Problem } from "../problem";
import { scalarProblem, text, textProblem } from "./scalar";

/** What an Image Factory image is made of, as far as plinth declares it. Any change is another image. */
export interface Schematic {
  /** Official system extensions, as `siderolabs/iscsi-tools`. Order and duplicates do not matter. @default - none */
  readonly extensions?: readonly string[];
  /** Kernel arguments, appended in this order. @default - none */
  readonly kernelArgs?: readonly string[];
  /** First contents of the META partition by key, 0 to 255. @default - none */
  readonly meta?: Readonly<Record<number, string>>;
  /** Machine configuration inside the image, without secrets; Talos 1.12 and later read it. @default - none */
  readonly embeddedConfig?: string;
  /** Boot loader of the image. @default - the one Talos chooses */
  readonly bootloader?: "dual-boot" | "grub" | "sd-boot";
  readonly secureBoot?: {
    /** When keys are enrolled, in systemd-boot's words. @default - Talos' own */
    readonly enrollKeys?: "force" | "if-safe" | "manual" | "off";
    /** Enrol the well-known UEFI certificates too, which option ROMs of many cards need. @default false */
    readonly includeWellKnownCertificates?: boolean;
  };
  /** Sector size of a disk image, in bytes. @default 512 */
  readonly sectorSize?: 512 | 4096;
  /** Board overlay for single-board computers. @default - none */
  readonly overlay?: {
    readonly image: string;
    readonly name: string;
    /** Options of the overlay, as `configTxtAppend`. @default - none */
    readonly options?: Readonly<Record<string, string>>;
  };
}

/** Everything that cannot be encoded; `path` is where the schematic stands in the input. */
export function checkSchematic(schematic: Schematic, path: string): Problem[] {
  const { overlay } = schematic;
  const problems = [
    ...(schematic.extensions ?? []).map((name, index) => scalarProblem(name, `${path}.extensions[${index}]`)),
    ...(schematic.kernelArgs ?? []).map((arg, index) => scalarProblem(arg, `${path}.kernelArgs[${index}]`)),
    ...Object.entries(schematic.meta ?? {}).flatMap(([key, value]) => [
      metaKeyProblem(key, `${path}.meta`),
      textProblem(value, `${path}.meta.${key}`),
    ]),
    schematic.embeddedConfig === undefined
      ? undefined
      : textProblem(schematic.embeddedConfig, `${path}.embeddedConfig`),
    ...(overlay === undefined
      ? []
      : [
          scalarProblem(overlay.image, `${path}.overlay.image`),
          scalarProblem(overlay.name, `${path}.overlay.name`),
          ...Object.entries(overlay.options ?? {}).flatMap(([key, value]) => [
            optionProblem(key, `${path}.overlay.options`),
            textProblem(value, `${path}.overlay.options.${key}`),
          ]),
        ]),
  ];
  return problems.filter((problem) => problem !== undefined);
}

function metaKeyProblem(key: string, path: string): Problem | undefined {
  if (/^\d{1,3}$/.test(key) && Number(key) <= 255) return undefined;
  return { path, reason: `"${key}" is no key of META`, fix: "use a number from 0 to 255, as 10 for 0x0a" };
}

/** The factory's order of other keys depends on digits and signs in them. */
function optionProblem(key: string, path: string): Problem | undefined {
  if (/^[A-Za-z]{2,}$/.test(key)) return scalarProblem(key, path);
  return { path, reason: `"${key}" cannot be encoded safely`, fix: "overlay options are named by letters only" };
}

/**
 * The schematic as the Image Factory writes it: fixed field order, four spaces of indent, sequences indented below
 * their key, a trailing newline. (siderolabs/image-factory, pkg/schematic.)
 */
export function schematicYaml(schematic: Schematic): string {
  const customization = customizationLines(schematic);
  const lines = [
    ...overlayLines(schematic.overlay),
    ...(customization.length === 0 ? ["customization: {}"] : ["customization:", ...indented(customization)]),
  ];
  return `${lines.join("\n")}\n`;
}

function overlayLines(overlay: Schematic["overlay"]): string[] {
  if (overlay === undefined) return [];
  const options = Object.entries(overlay.options ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    "overlay:",
    ...indented([
      `image: ${overlay.image}`,
      `name: ${overlay.name}`,
      ...section(
        "options",
        options.flatMap(([key, value]) => text(key, value)),
      ),
    ]),
  ];
}

function customizationLines(schematic: Schematic): string[] {
  const extensions = [...new Set(schematic.extensions ?? [])].sort();
  const meta = Object.entries(schematic.meta ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  const { enrollKeys, includeWellKnownCertificates } = schematic.secureBoot ?? {};
  return [
    ...(schematic.embeddedConfig ? text("embeddedMachineConfiguration", schematic.embeddedConfig) : []),
    ...list("extraKernelArgs", schematic.kernelArgs ?? []),
    ...section(
      "meta",
      meta.flatMap(([key, value]) => [`- key: ${Number(key)}`, ...text("value", value, 2).map(inItem)]),
    ),
    ...section("systemExtensions", list("officialExtensions", extensions)),
    ...(schematic.bootloader === undefined ? [] : [`bootloader: ${schematic.bootloader}`]),
    ...section("secureboot", [
      // `off` is a word of YAML.
      ...(enrollKeys === undefined ? [] : [`enrollKeys: ${enrollKeys === "off" ? '"off"' : enrollKeys}`]),
      ...(includeWellKnownCertificates ? ["includeWellKnownCertificates: true"] : []),
    ]),
    ...section("diskImage", schematic.sectorSize === undefined ? [] : [`sectorSize: ${schematic.sectorSize}`]),
  ];
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => (line === "" ? "" : `    ${line}`));
/** Below the dash of a list's item the factory indents by two. */
const inItem = (line: string): string => (line === "" ? "" : `  ${line}`);
const section = (key: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`${key}:`, ...indented(lines)];
const list = (key: string, items: readonly string[]): string[] =>
  section(
    key,
    items.map((item) => `- ${item}`),
  );

/** Id of the schematic: the SHA-256 of its YAML in hex, as every Image Factory computes it. */
export function schematicId(schematic: Schematic): string {
  return createHash("sha256").update(schematicYaml(schematic)).digest("hex");
}
