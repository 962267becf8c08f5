/** What the image is made of beside plinth itself, each pinned by its hash: base.json. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { packageRoot } from "../components/discovery";

/** Processors as OCI calls them, and how Node and the distribution call the same. */
export const ARCHITECTURES = {
  amd64: { node: "x64", folder: "x86_64-linux-gnu" },
  arm64: { node: "arm64", folder: "aarch64-linux-gnu" },
} as const;

/** A processor that the image is built for. */
export type Architecture = keyof typeof ARCHITECTURES;

const hashes = (form: RegExp) => z.strictObject({ amd64: z.string().regex(form), arm64: z.string().regex(form) });
const pins = z.strictObject({
  /** Node's program, from npm: hashes as npm writes them. */
  node: z.strictObject({ version: z.string(), integrity: hashes(/^sha512-[\w+/]{86}==$/) }),
  /** Packages of Debian that Node's program needs, by name: SHA-256 in hex. */
  debian: z.strictObject({
    release: z.string(),
    packages: z.record(z.string(), z.strictObject({ version: z.string(), sha256: hashes(/^[0-9a-f]{64}$/) })),
  }),
});

/** Versions and hashes of what the image is made of. */
export type Pins = z.output<typeof pins>;

/** The file that holds them. */
export const PINS = join(packageRoot, "image", "base.json");

/** What is pinned now. */
export function readPins(): Pins {
  return pins.parse(JSON.parse(readFileSync(PINS, "utf8")));
}
