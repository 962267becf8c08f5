import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import { type KnownKeys, keysOf, sortedKeys, unknownValues, type Values } from "../../components/kubernetes/values";
import { knownValues } from "../../components/release/values";
import { archiveName, chartPin, versions } from "../../components/release/versions";
import { everyService } from "../support/services";
import { ROOT } from "../support/site";

/**
 * With PLINTH_CHARTS_DIR and a helm (PLINTH_HELM, or on PATH) the recorded keys are compared with the real archives of
 * that folder, and every component is rendered from them; RECORD_VALUES=1 writes what is found.
 */
const folder = process.env.PLINTH_CHARTS_DIR;
const helm = process.env.PLINTH_HELM ?? "helm";
const archive = (name: string) => path.join(folder ?? "", archiveName(name, chartPin(name).version));
const real = Object.keys(versions().charts).filter((name) => folder !== undefined && existsSync(archive(name)));
const record = (name: string) => path.join(ROOT, "components/release/values", `${name}.yaml`);
const run = (...args: string[]) => execFileSync(helm, args, { encoding: "utf8", maxBuffer: 64 << 20 });

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
}

/** Keys of a chart: of its default values, and of its schema where a default is left out. */
function found(name: string): KnownKeys {
  const keys = keysOf(parse(run("show", "values", archive(name))) as Values);
  const schema = schemaOf(name);
  return sortedKeys(schema === undefined ? keys : withSchema(keys, schema, schema));
}

function schemaOf(name: string): Schema | undefined {
  const chart = parse(run("show", "chart", archive(name))) as { name: string };
  try {
    const text = execFileSync("tar", ["-xzOf", archive(name), `${chart.name}/values.schema.json`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return JSON.parse(text) as Schema;
  } catch {
    return undefined;
  }
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

/** Every chart that some part of the platform installs. */
function installed() {
  return everyService().flatMap(({ name, chart }) => (chart === undefined ? [] : [[name, chart] as const]));
}

describe("the values of a chart", () => {
  test.each(installed())("%s sets only keys that its chart knows, in the version that is pinned", (_, chart) => {
    const known = knownValues(chart.name);
    expect(known?.version).toBe(chartPin(chart.name).version);
    expect(unknownValues(chart.values, known?.keys ?? {}, "")).toEqual([]);
  });

  test("a misspelt key is told with what the chart knows there", () => {
    const keys = knownValues("cilium")?.keys ?? {};
    const [problem] = unknownValues({ cgroup: { autoMont: { enabled: false } } }, keys, "platform.cilium.values");
    expect(problem).toEqual({
      path: "platform.cilium.values.cgroup.autoMont",
      reason: "is no value of the chart",
      fix: "it knows here autoMount, hostRoot",
    });
  });

  test("what a chart leaves open may hold anything", () => {
    const keys = knownValues("cilium")?.keys ?? {};
    expect(unknownValues({ nodeSelector: { anything: "goes" }, podAnnotations: { "a.b/c": "d" } }, keys, "")).toEqual(
      [],
    );
  });
});

(real.length > 0 ? describe : describe.skip)("the real charts of PLINTH_CHARTS_DIR", () => {
  test.each(real)("%s has the keys that are recorded", (name) => {
    const { version } = chartPin(name);
    const keys = found(name);
    if (process.env.RECORD_VALUES === "1") {
      const text = `# Keys of the values of ${name} ${version}; null where anything may follow. Recorded from the chart.\n`;
      writeFileSync(record(name), text + stringify({ version, keys }, { lineWidth: 0 }));
    }
    expect(knownValues(name)).toEqual({ version, keys });
  });

  test.each(installed().filter(([, { name }]) => real.includes(name)))(
    "%s renders with our values",
    (_, { name, namespace, values }) => {
      const file = path.join(ROOT, "node_modules", `.values-${name}-${process.pid}.yaml`);
      writeFileSync(file, stringify(values));
      const rendered = run(
        "template",
        name,
        archive(name),
        "--namespace",
        namespace,
        "--values",
        file,
        "--kube-version",
        "v1.36.3",
      );
      execFileSync("rm", [file]);
      expect(rendered).toContain("kind: ");
    },
  );
});
