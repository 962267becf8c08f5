import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { ChartSpec } from "../../components/kubernetes/service";
import { type KnownKeys, keysOf, sortedKeys, type Values } from "../../components/kubernetes/values";
import { archiveName, chartPin, versions } from "../../components/release/versions";

/** The archives in PLINTH_CHARTS_DIR, read with the helm that PLINTH_HELM names, or the one on PATH. */
const folder = process.env.PLINTH_CHARTS_DIR;
const helm = process.env.PLINTH_HELM ?? "helm";
const archive = (name: string) => path.join(folder ?? "", archiveName(name, chartPin(name).version));
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 64 << 20, stdio: ["ignore", "pipe", "pipe"] });

/** Charts whose archive is there, and what is missing of the others. */
export function archives(): { readonly there: readonly string[]; readonly missing: readonly string[] } {
  const names = Object.keys(versions().charts);
  const there = names.filter((name) => folder !== undefined && existsSync(archive(name)));
  return {
    there,
    missing: names
      .filter((name) => !there.includes(name))
      .map((name) => (folder === undefined ? "PLINTH_CHARTS_DIR names no folder" : `${path.basename(archive(name))}`)),
  };
}

/** What the real chart makes of these values. */
export function renderReal({ name, namespace, values }: ChartSpec): string {
  const work = mkdtempSync(path.join(tmpdir(), "plinth-values-"));
  try {
    const file = path.join(work, "values.yaml");
    writeFileSync(file, stringify(values));
    return run(
      helm,
      ...["template", name, archive(name), "--namespace", namespace, "--values", file, "--kube-version", "v1.36.3"],
      ...["--api-versions", "gateway.networking.k8s.io/v1/GatewayClass"],
    );
  } finally {
    rmSync(work, { recursive: true });
  }
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
}

interface Dependency {
  readonly name: string;
  readonly alias?: string;
  readonly condition?: string;
}

/** Keys of the real chart: of its default values, of its schema where a default is left out, and of its subcharts. */
export function realKeys(name: string): KnownKeys {
  const keys = keysOf(parse(run(helm, "show", "values", archive(name))) as Values);
  const { name: folderName, dependencies = [] }: { name: string; dependencies?: Dependency[] } = parse(
    run(helm, "show", "chart", archive(name)),
  );
  const schema = inside(name, `${folderName}/values.schema.json`);
  const own = schema === undefined ? keys : withSchema(keys, schema as Schema, schema as Schema);
  return sortedKeys(dependencies.reduce((all, each) => withSubchart(all, each, name, folderName), own));
}

/** A file of the archive as data; undefined where it has none. */
function inside(name: string, file: string): unknown {
  try {
    return parse(
      execFileSync("tar", ["-xzOf", archive(name), file], { stdio: ["ignore", "pipe", "ignore"] }).toString(),
    );
  } catch {
    return undefined;
  }
}

function withSubchart(keys: KnownKeys, { name, alias, condition }: Dependency, chart: string, at: string): KnownKeys {
  const values = inside(chart, `${at}/charts/${name}/values.yaml`);
  const below = keysOf((values ?? {}) as Values);
  // Helm hands a subchart its section, and asks the first of the conditions that is set.
  const switches = (condition ?? "")
    .split(",")
    .map((path) => path.split(".").reduceRight<KnownKeys | null>((inner, key) => ({ [key]: inner }), null));
  return [{ [alias ?? name]: below }, ...switches].reduce<KnownKeys>((all, each) => united(all, each ?? {}), keys);
}

/** Both trees in one; where one of them lets anything follow, the other one's keys are told. */
function united(one: KnownKeys, other: KnownKeys): KnownKeys {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((name) => name !== "");
  return Object.fromEntries(
    names.map((name) => {
      const [a, b] = [one[name], other[name]];
      return [name, a && b ? united(a, b) : (a ?? b ?? null)];
    }),
  );
}

function withSchema(keys: KnownKeys, schema: Schema, root: Schema): KnownKeys {
  const { properties = {} } = resolved(schema, root);
  const added = Object.entries(properties).filter(([key]) => !(key in keys));
  const deeper = Object.entries(keys).map(([key, below]): [string, KnownKeys | null] => {
    const inner = properties[key];
    return [key, below === null || inner === undefined ? below : withSchema(below, inner, root)];
  });
  return { ...Object.fromEntries(deeper), ...Object.fromEntries(added.map(([key]) => [key, null])) };
}

function resolved(schema: Schema, root: Schema): Schema {
  const { $ref } = schema;
  if ($ref === undefined) return schema;
  const parts = $ref
    .replace(/^#\//, "")
    .split("/")
    .map((part) => part.replace(/~1/g, "/"));
  return parts.reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], root) as Schema;
}
