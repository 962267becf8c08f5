import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import type { PlatformService } from "../../components/kubernetes/service";
import { archiveName, chartPin } from "../../components/release/versions";
import { pulumiHome } from "../../lab/engine/plugins";
import type { Instance } from "../../lab/instance/instance";
import { readIngredients } from "../../lab/status/ingredients";
import { ROOT } from "./site";

/** Pins are by name: the chart is called as one whose CRDs lie in a folder. */
const CHART = "sealed-secrets";
const NAMESPACE = "widgets";
const WORKLOAD = { apiVersion: "apps/v1", kind: "Deployment", namespace: NAMESPACE, name: "widgets" } as const;

/** A version of a chart: fields of its CRD, which its own Widget has all of. */
export interface ChartVersion {
  readonly version: string;
  readonly fields: readonly string[];
}

/** A program in a project of its own that installs a chart with a CRD, a custom resource and a workload into a lab. */
export class WidgetsProject {
  private readonly folder = mkdtempSync(path.join(tmpdir(), "plinth-widgets-"));

  constructor(private readonly instance: Instance) {
    mkdirSync(path.join(this.folder, "state"));
    const plugin = path.join(ROOT, "provider", "bin");
    const plugins = { providers: [{ name: "plinth", path: plugin }] };
    writeFileSync(path.join(this.folder, "Pulumi.yaml"), stringify({ name: "widgets", runtime: "nodejs", plugins }));
  }

  /**
   * Runs an operation; `pool` chooses the nodes of the workload, of which there may be none, and `heard` is told all the
   * engine has said so far. Where the workload runs, another version waits for the ConfigMap `before-<version>`.
   */
  run(
    operation: "up" | "preview" | "unchanged" | "destroy",
    chart: ChartVersion,
    pool?: string,
    heard: (output: string) => void = () => undefined,
  ): Promise<{ readonly code: number | null; readonly output: string }> {
    const job = {
      operation,
      folder: this.folder,
      engine: this.instance.at("engine"),
      kubeconfig: readFileSync(this.instance.kubeconfig, "utf8"),
      service: serviceWith(chart.version, pool),
      mirror: this.packed(chart),
    };
    const child = spawn(process.execPath, [path.join(ROOT, "test/lab/fixture/widgets.cjs"), JSON.stringify(job)], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PULUMI_HOME: pulumiHome(this.instance),
        PULUMI_BACKEND_URL: `file://${path.join(this.folder, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        PLINTH_STATE_DIR: path.join(this.folder, "host"),
        PLINTH_HELM: readIngredients(this.instance)?.tools.helm?.path,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        heard(output);
      });
    }
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, output }));
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The archive under the pinned version's file name, as a folder of charts would have it; packed once. */
  private packed(chart: ChartVersion): { folder: string; digests: Record<string, string> } {
    const folder = path.join(this.folder, chart.version);
    const file = archiveName(CHART, chartPin(CHART).version);
    if (!existsSync(path.join(folder, file))) pack(chart, folder, file);
    const digest = createHash("sha256").update(readFileSync(path.join(folder, file)));
    return { folder, digests: { [file]: `sha256:${digest.digest("hex")}` } };
  }
}

function pack({ version, fields }: ChartVersion, folder: string, file: string): void {
  const root = path.join(folder, CHART);
  for (const name of ["crds", "templates"]) mkdirSync(path.join(root, name), { recursive: true });
  const write = (name: string, content: object) => writeFileSync(path.join(root, name), stringify(content));
  write("Chart.yaml", { apiVersion: "v2", name: CHART, version });
  write("values.yaml", { pool: "" });
  write("crds/widgets.yaml", crd(fields));
  write("templates/widget.yaml", {
    apiVersion: "example.org/v1",
    kind: "Widget",
    metadata: { name: "one", namespace: NAMESPACE },
    spec: Object.fromEntries(fields.map((field) => [field, version])),
  });
  writeFileSync(path.join(root, "templates", "deployment.yaml"), DEPLOYMENT);
  execFileSync("tar", ["--create", "--gzip", "--file", path.join(folder, file), "--directory", folder, CHART]);
}

function serviceWith(version: string, pool = ""): PlatformService {
  return {
    name: "widgets",
    type: "test:platform:Widgets",
    needs: [],
    provides: [],
    namespace: { name: NAMESPACE, podSecurity: "baseline" },
    guard: {
      objects: {},
      done: {
        [`the backup before ${version}`]: {
          apiVersion: "v1",
          kind: "ConfigMap",
          namespace: NAMESPACE,
          name: `before-${version}`,
          exists: true,
          onlyWith: WORKLOAD,
        },
      },
    },
    chart: { name: CHART, namespace: NAMESPACE, values: { pool }, seconds: 20 },
    exit: { "the widgets' workload": { ...WORKLOAD, condition: "Available" } },
  };
}

function crd(fields: readonly string[]): object {
  const properties = Object.fromEntries(fields.map((field) => [field, { type: "string" }]));
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.org" },
    spec: {
      group: "example.org",
      names: { kind: "Widget", plural: "widgets", singular: "widget", listKind: "WidgetList" },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } },
        },
      ],
    },
  };
}

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: { name: widgets, namespace: ${NAMESPACE} }
spec:
  replicas: 1
  selector: { matchLabels: { app: widgets } }
  template:
    metadata: { labels: { app: widgets }, annotations: { example.org/version: {{ .Chart.Version | quote }} } }
    spec:
      {{- with .Values.pool }}
      nodeSelector: { example.org/pool: {{ . | quote }} }
      {{- end }}
      containers: [{ name: widgets, image: registry.example.org/widgets:{{ .Chart.Version }} }]
`;
