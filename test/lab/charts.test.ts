import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { unknownValues } from "../../components/kubernetes/values";
import { ProblemError } from "../../components/problem";
import { knownValues } from "../../components/release/values";
import { archiveName, chartPin } from "../../components/release/versions";
import { parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { ensureCharts, type LabCharts, offerCharts } from "../../lab/charts/charts";
import { Instance } from "../../lab/instance/instance";
import { Ticker } from "../../lab/ticker";
import { inventoryOf } from "../support/inventory";
import { everyService } from "../support/services";
import { ROOT, siteFile } from "../support/site";

/**
 * The charts of the lab: real ones out of Go modules, else stand-ins. What each makes is recorded for its version; with
 * PLINTH_CHARTS_DIR the user's archives are compared instead, and RECORD_OBJECTS=1 writes what they make.
 */
jest.setTimeout(600_000);

const plan = planSite(parseSite(siteFile("lab-platform"), "the lab"));
const services = plan.platform?.services ?? [];
const made = services.flatMap(({ chart }) => chart ?? []);
const ticker = new Ticker({ isTTY: false, write: () => true } as unknown as NodeJS.WriteStream);
const instance = new Instance("test-charts");
const STAND_INS = [
  "external-dns",
  "external-secrets",
  "ingress-nginx",
  "local-path-provisioner",
  "localpv-provisioner",
  "reloader",
  "vault-operator",
];
const scratch = mkdtempSync(path.join(tmpdir(), "plinth-charts-"));
let charts: LabCharts;

const prepare = (site: SitePlan, users?: string) => ensureCharts(instance, site, ticker, undefined, users);

function render(name: string, namespace: string, values: unknown): string {
  const file = path.join(scratch, `${name}.yaml`);
  writeFileSync(file, stringify(values));
  return execFileSync(
    charts.helm.path,
    [
      "template",
      name,
      path.join(charts.folder, archiveName(name, chartPin(name).version)),
      ...["--namespace", namespace, "--values", file, "--kube-version", "v1.36.3"],
      ...["--api-versions", "gateway.networking.k8s.io/v1/GatewayClass"],
    ],
    { encoding: "utf8", maxBuffer: 64 << 20, stdio: ["ignore", "pipe", "pipe"] },
  );
}

/** Whether the lab has a chart of its own in this one's place. */
function stoodFor(name: string): boolean {
  return charts.origins.some((origin) => origin.name === name && origin.from === "stand-in");
}

async function mustPrepare(users?: string): Promise<LabCharts> {
  const made = await prepare(plan, users);
  if (made === undefined) throw new Error("the site has a platform");
  return made;
}

beforeAll(async () => {
  mkdirSync(instance.folder, { recursive: true });
  charts = await mustPrepare(process.env.PLINTH_CHARTS_DIR);
});

afterAll(() => {
  ticker.close();
  rmSync(instance.folder, { recursive: true, force: true });
  rmSync(scratch, { recursive: true, force: true });
});

describe("the charts of a lab", () => {
  it("are real where a Go module ships them, and stand-ins elsewhere", async () => {
    const { origins } = await mustPrepare();
    expect(Object.fromEntries(origins.map(({ name, from }) => [name, from]))).toEqual({
      "cert-manager": "module",
      cilium: "module",
      "gateway-api": "module",
      metallb: "module",
      "sealed-secrets": "module",
      ...Object.fromEntries(STAND_INS.map((name) => [name, "stand-in"])),
    });
  });

  it("keep their digest from one run to the next", async () => {
    const before = readFileSync((await mustPrepare()).digests, "utf8");
    expect(readFileSync((await mustPrepare()).digests, "utf8")).toBe(before);
    expect(Object.values(JSON.parse(before))).toHaveLength(12);
  });

  it("are the user's own where the user has them, with the published digest", async () => {
    const file = archiveName("metallb", chartPin("metallb").version);
    const { folder } = await mustPrepare();
    const users = path.join(scratch, "users");
    mkdirSync(users);
    copyFileSync(path.join(folder, file), path.join(users, file));
    const mixed = await mustPrepare(users);
    expect(mixed.origins.find(({ name }) => name === "metallb")?.from).toBe("yours");
    expect(Object.keys(JSON.parse(readFileSync(mixed.digests, "utf8")))).not.toContain(file);
  });

  it("are told to the stack program in its environment", () => {
    const env = {};
    offerCharts(charts, env);
    expect(env).toEqual({ PLINTH_CHARTS_DIR: charts.folder, PLINTH_CHARTS_DIGESTS: charts.digests });
  });

  it("bring the CRDs that an operator registers", () => {
    const folder = charts.materials["cilium-operator"] ?? "";
    const crd = parse(readFileSync(path.join(folder, "ciliumnetworkpolicies.yaml"), "utf8"));
    expect(crd.spec.versions[0].schema.openAPIV3Schema.properties.spec).toBeDefined();
  });

  it("refuses a chart that nobody has, before anything is made", async () => {
    const [first] = services;
    const lacking = { ...plan, platform: { ...plan.platform, services: [{ ...first, chart: { name: "longhorn" } }] } };
    const refused = await prepare(lacking as unknown as SitePlan).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProblemError);
    expect((refused as ProblemError).problems).toMatchObject([{ path: "platform.longhorn" }]);
  });

  it("are none for a site without a platform", async () => {
    expect(await prepare(planSite(parseSite(siteFile("lab"), "the lab")))).toBeUndefined();
  });
});

describe("what a chart makes", () => {
  it.each(made.map((chart) => [chart.name, chart] as const))(
    "%s: kinds, names, hooks, ports, webhooks, rights and images are those recorded for its version",
    (name, { namespace, values }) => {
      const { version } = chartPin(name);
      const file = path.join(ROOT, "test", "recorded", "charts", `${name}.yaml`);
      const inventory = inventoryOf(render(name, namespace, values));
      if (process.env.RECORD_OBJECTS === "1") {
        const text = `# What the chart ${name} ${version} makes of the standard profile's values. Recorded from the real chart.\n`;
        writeFileSync(file, text + stringify({ version, ...inventory }, { lineWidth: 0 }));
      }
      const recorded: { readonly objects: readonly string[] } = parse(readFileSync(file, "utf8"));
      // A stand-in has no CRD of objects that nobody here writes.
      const spared = (object: string) =>
        object.startsWith("CustomResourceDefinition ") && !inventory.objects.includes(object) && stoodFor(name);
      const objects = recorded.objects.filter((object) => !spared(object));
      expect({ version, ...inventory }).toEqual({ ...recorded, objects });
    },
  );

  it("needs no image that versions.yaml does not name", () => {
    for (const chart of made) {
      const { images } = inventoryOf(render(chart.name, chart.namespace, chart.values));
      const plain = (image: string) => image.replace(/@.*$/, "");
      const known = chartPin(chart.name).images.map(plain);
      expect(images.map(plain).filter((image) => !known.includes(image))).toEqual([]);
    }
  });

  it.each(
    everyService()
      .flatMap(({ chart }) => chart ?? [])
      .filter(({ name }) => made.some((one) => one.name === name))
      .map((chart) => [`${chart.name}, ${JSON.stringify(chart.values).length} bytes of values`, chart] as const),
  )("%s: renders", (_, { name, namespace, values }) => {
    expect(inventoryOf(render(name, namespace, values)).objects.length).toBeGreaterThan(3);
  });

  it("a stand-in has the version and only keys of the real one", () => {
    for (const name of STAND_INS) {
      const read = (file: string) => parse(readFileSync(path.join(ROOT, "lab", "charts", name, file), "utf8"));
      expect(read("Chart.yaml").version).toBe(chartPin(name).version);
      expect(unknownValues(read("values.yaml"), knownValues(name)?.keys ?? {}, "")).toEqual([]);
    }
  });

  it("a stand-in refuses a value that it does not honour", () => {
    for (const name of STAND_INS.filter(stoodFor)) {
      expect(existsSync(path.join(ROOT, "lab", "charts", name, "values.schema.json"))).toBe(true);
      expect(() => render(name, "default", { nobody: { knows: "this" } })).toThrow(/nobody/);
    }
  });
});
