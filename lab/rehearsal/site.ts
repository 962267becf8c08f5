import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { labStackFile } from "../instance/prepare";

/** Versions a site declares. */
export interface Versions {
  readonly talos: string;
  readonly kubernetes: string;
}

/** What a site of a rehearsal can become. */
export interface Range {
  /** Versions that can be had. */
  readonly available: { readonly talos: readonly string[]; readonly kubernetes: readonly string[] };
  /** Form of its machine configurations; it stays. */
  readonly contract: string;
}

/** Machines that stand under a key for the nth time, by key. */
export type Generations = Readonly<Record<string, number>>;

/** The lab's own stack file, with other versions and with waits that end soon. */
export function stackWith(versions: Versions, { available, contract }: Range, generations: Generations = {}): string {
  const document = parseDocument(readFileSync(labStackFile, "utf8"));
  const set = (path: readonly string[], value: unknown) => document.setIn(["config", "plinth:site", ...path], value);
  set(["talos", "version"], versions.talos);
  set(["talos", "configContract"], contract);
  set(["talos", "allow"], ["downgrade"]);
  set(["kubernetes", "version"], versions.kubernetes);
  for (const [key, generation] of Object.entries(generations)) set(["machines", key, "generation"], generation);
  const timeouts = { etcd: "1m", ready: "90s", upgrade: "90s", drain: "1m" };
  set(["upgrade"], { available, timeouts });
  return document.toString({ lineWidth: 0 });
}

export function text({ talos, kubernetes }: Versions): string {
  return `Talos ${talos} with Kubernetes ${kubernetes}`;
}
