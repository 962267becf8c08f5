import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Recipe } from "./recipes";

/**
 * Cache key of a recipe's binaries: the module's pins, its own sources if it has any, the Go release and the machine.
 * Anything that could change a binary changes the key; nothing else does.
 */
export function cacheKey(recipe: Recipe, folder: string, toolchain: string): string {
  const key = createHash("sha256").update(`${toolchain} ${process.platform}/${process.arch}\n`);
  const { pins = "go" } = recipe;
  for (const file of [`${pins}.mod`, `${pins}.sum`]) add(folder, file);
  if (recipe.ownSources) for (const file of sources(folder)) add(folder, file);
  return key.digest("hex").slice(0, 16);

  function add(base: string, file: string): void {
    const text = readFileSync(join(base, file));
    key.update(`${file} ${text.length}\n`).update(text);
  }
}

/** Files below a Go module that reach its binaries, in a stable order: no tests, no test data. */
function sources(folder: string, below = ""): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "testdata" && !entry.name.startsWith(".")) found.push(...sources(folder, path));
    } else if (!/_test\.go$|\.mod$|\.sum$/.test(entry.name)) {
      found.push(path);
    }
  }
  return found.sort();
}
