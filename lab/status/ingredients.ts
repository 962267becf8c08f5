import { readFileSync } from "node:fs";
import type { Tools } from "../build/tools";
import type { ChartOrigin } from "../charts/charts";
import type { Plugin } from "../engine/plugins";
import { type Instance, writeAtomically } from "../instance/instance";

/** What an instance was last brought up with. */
export interface Ingredients {
  readonly tools: Tools;
  readonly plugins: readonly Plugin[];
  /** Charts of its platform. @default - it has none */
  readonly charts?: readonly ChartOrigin[];
}

/** Remembers the ingredients for `lab status`. */
export function writeIngredients(instance: Instance, ingredients: Ingredients): void {
  writeAtomically(instance.at("ingredients.json"), `${JSON.stringify(ingredients, undefined, 2)}\n`);
}

/** Ingredients of the last `up`; undefined before the first. */
export function readIngredients(instance: Instance): Ingredients | undefined {
  try {
    return JSON.parse(readFileSync(instance.at("ingredients.json"), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
