import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { diskBoot } from "../boot/permission";
import { packageRoot } from "../discovery";

const words = z.array(z.string().min(1)).default([]);
const part = z.strictObject({
  name: z.string().min(1).describe("What people call it."),
  note: z.string().min(1).optional().describe("What to know, or what to change."),
});

/** A hardware profile: what is known of one kind of machine, as data. */
export const profileSchema = z.strictObject({
  name: z.string().min(1).describe("What people call it."),
  certified: z
    .boolean()
    .describe("Whether it holds the exact values of one model to order, rather than values wide enough for many."),
  arch: z.enum(["amd64", "arm64"]),
  product: z
    .strictObject({ manufacturer: z.string().min(1), name: z.string().min(1) })
    .describe("SMBIOS manufacturer and product name; * stands for any text."),
  minimum: z.strictObject({ memoryGiB: z.number().positive(), diskGiB: z.number().positive() }),
  firmware: z
    .strictObject({ secureBoot: z.boolean(), tpm: z.boolean() })
    .describe("What it can do; not whether it is switched on."),
  diskBoot: diskBoot.describe("How its firmware is made to boot from disk after a network boot."),
  extensions: words.describe("System extensions that all of them need."),
  kernelArgs: words.describe("Kernel arguments that all of them need."),
  overlay: z.strictObject({ image: z.string().min(1), name: z.string().min(1) }).optional(),
  storage: z
    .array(
      part.extend({
        driver: z.string().min(1).optional(),
        model: z.string().min(1).optional().describe("Model of the disks it shows; * stands for any text."),
        transport: z.string().min(1).optional(),
        problem: z.boolean().default(false).describe("Disks behind it are refused until the note is followed."),
      }),
    )
    .default([]),
  nics: z
    .array(
      part.extend({
        driver: z.string().min(1).describe("Kernel driver, as talosctl get links shows it."),
        speedMbit: z.int().positive().optional().describe("Slowest speed that is no fault."),
        extensions: words,
        kernelArgs: words,
      }),
    )
    .default([]),
  bios: z
    .array(z.strictObject({ setting: z.string().min(1), value: z.string().min(1), why: z.string().min(1) }))
    .default([])
    .describe("Firmware settings to make by hand."),
  notes: words,
});
export type Profile = z.output<typeof profileSchema>;

/** A system extension, and what it needs beside itself. */
export const extensionsSchema = z.record(
  z.string(),
  z.strictObject({
    for: z.string().min(1).describe("What it is good for."),
    modules: words.describe("Kernel modules to load."),
    documents: z.array(z.record(z.string(), z.unknown())).describe("Configuration documents it waits for."),
    manifests: z
      .array(z.record(z.string(), z.unknown()))
      .default([])
      .describe("Kubernetes objects that make it usable."),
    sysctls: z.record(z.string(), z.string()).default({}),
    note: z.string().optional(),
  }),
);
export type Extensions = z.output<typeof extensionsSchema>;

const folder = join(packageRoot, "components", "hardware");
const yaml = (...path: readonly string[]): unknown => parse(readFileSync(join(folder, ...path), "utf8"));

/** Names of the profiles that plinth comes with. */
export function profileNames(): readonly string[] {
  return readdirSync(join(folder, "profiles"))
    .map((file) => file.replace(/\.yaml$/, ""))
    .sort();
}

/** A profile by name. */
export function loadProfile(name: string): Profile {
  return profileSchema.parse(yaml("profiles", `${name}.yaml`));
}

/** The catalogue of extensions, by name. */
export function loadExtensions(): Extensions {
  return extensionsSchema.parse(yaml("extensions.yaml"));
}
