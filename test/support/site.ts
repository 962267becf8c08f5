import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";

/** Root of the checkout. */
export const ROOT = path.resolve(__dirname, "../..");

/** The site object of stacks/Pulumi.<env>.yaml as a fresh, editable copy. */
// biome-ignore lint/suspicious/noExplicitAny: tests break it in every way a person could
export function siteFile(env = "lab"): any {
  const text = readFileSync(path.join(ROOT, `stacks/Pulumi.${env}.yaml`), "utf8");
  return parse(text).config["plinth:site"];
}
