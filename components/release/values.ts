import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { packageRoot } from "../discovery";
import type { KnownKeys } from "../kubernetes/values";

/** Keys of a chart's values, as they were recorded for one version of it. */
export interface KnownValues {
  readonly version: string;
  readonly keys: KnownKeys;
}

/** What is recorded of a chart in values/<name>.yaml; `undefined` for a chart that plinth sets nothing of. */
export function knownValues(chart: string): KnownValues | undefined {
  const file = join(packageRoot, "components", "release", "values", `${chart}.yaml`);
  return existsSync(file) ? (parse(readFileSync(file, "utf8")) as KnownValues) : undefined;
}
