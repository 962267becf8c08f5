import { description, name, version } from "./package.json";
import { engineRules } from "./rules/engine";
import { Analyzer } from "./serve/analyzer";

/** The pack that `pulumi preview --policy-pack` runs. */
export const pack = new Analyzer({ name, version, description }, engineRules);
