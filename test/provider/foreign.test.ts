/** The package as a stranger gets it: packed, installed into an empty project, its plugin found by the real engine. */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { devDependencies, version } from "../../package.json";
import { siteAt } from "../machine/sites";
import { engineBinary } from "../support/engine";
import { ROOT, siteFile } from "../support/site";

jest.setTimeout(600_000);

const project = mkdtempSync(path.join(tmpdir(), "plinth-foreign-"));
let engine: string;

afterAll(() => rmSync(project, { recursive: true, force: true }));

function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { code: number | null; output: string } {
  const ended = spawnSync(command, args, {
    cwd: project,
    encoding: "utf8",
    timeout: 300_000,
    env: {
      ...process.env,
      PATH: `${path.dirname(engine)}${path.delimiter}${process.env.PATH ?? ""}`,
      PULUMI_HOME: path.join(project, "home"),
      PULUMI_BACKEND_URL: `file://${project}/state`,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      ...env,
    },
  });
  return { code: ended.status, output: `${ended.stdout}${ended.stderr}` };
}

const preview = (job: object, env?: NodeJS.ProcessEnv) =>
  run(process.execPath, ["foreign.cjs", JSON.stringify(job)], env);

const bootstrap = {
  clusterName: "demo",
  clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: "key" },
  node: "10.0.0.11",
  controlPlanes: ["10.0.0.11"],
  endpoint: "https://10.0.0.10:6443",
  kubernetesCa: "ca",
};

beforeAll(async () => {
  engine = await engineBinary();
  mkdirSync(path.join(project, "state"));
  const packed = run("npm", ["pack", "--ignore-scripts", "--pack-destination", project, ROOT]);
  const archive = readdirSync(project).find((name) => name.endsWith(".tgz"));
  if (archive === undefined) throw new Error(packed.output);
  writeFileSync(
    path.join(project, "package.json"),
    JSON.stringify({
      name: "foreign",
      private: true,
      dependencies: {
        plinth: `file:${archive}`,
        "@pulumi/pulumi": devDependencies["@pulumi/pulumi"],
        "@pulumi/kubernetes": devDependencies["@pulumi/kubernetes"],
        "@pulumi/random": devDependencies["@pulumi/random"],
        "@pulumi/tls": devDependencies["@pulumi/tls"],
      },
    }),
  );
  const installed = run("npm", ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]);
  if (installed.code !== 0) throw new Error(installed.output);
  copyFileSync(path.join(__dirname, "fixture", "foreign.cjs"), path.join(project, "foreign.cjs"));
  writeFileSync(path.join(project, "Pulumi.yaml"), "name: foreign # ours\nruntime: nodejs\n");
});

test("without the lines in Pulumi.yaml, a site says which lines are missing", () => {
  const { code, output } = preview({ site: siteFile() }, { PULUMI_NODEJS_ROOT_DIRECTORY: project });
  expect(code).toBe(1);
  expect(output).toContain("plinth's own provider cannot be found");
  expect(output).toMatch(/^\s+- name: plinth\n\s+path: \.\/node_modules\/plinth\/provider\/bin$/m);
  expect(output).not.toMatch(/^\s+at .*\.js:\d+/m);
});

test("plinth init writes them, relative to the project, and keeps the rest", () => {
  const { code, output } = run(path.join(project, "node_modules", ".bin", "plinth"), ["init"]);
  expect([code, output]).toEqual([0, expect.stringContaining("now says where plinth's provider plugin is")]);
  expect(readFileSync(path.join(project, "Pulumi.yaml"), "utf8")).toBe(
    "name: foreign # ours\nruntime: nodejs\nplugins:\n  providers:\n    - name: plinth\n      path: ./node_modules/plinth/provider/bin\n",
  );
});

test("then a preview runs the packed provider, which checks the inputs", () => {
  const good = preview({ bootstrap });
  expect([good.code, good.output]).toEqual([0, expect.stringContaining("plinth:talos:Bootstrap bootstrap create")]);
  const bad = preview({ bootstrap: { ...bootstrap, node: "10.0.0.99" } });
  expect(bad.code).toBe(1);
  expect(bad.output).toContain("10.0.0.99 is none of the control planes (give one of 10.0.0.11)");
});

test("a subpath has the pools, whose addresses the packed provider knows at preview", () => {
  const pool = { site: "foreign", name: "lan", range: "10.0.3.4-10.0.3.20", claims: { "cp-0": {} } };
  const { code, output } = preview({ pool });
  expect([code, output]).toEqual([0, expect.stringContaining("plinth:address:Pool pool create")]);
  expect(output).toContain("cp-0 gets 10.0.3.4");
});

test("without the optional packages plinth works, and a provider that needs one names it", () => {
  expect(existsSync(path.join(project, "node_modules", "@muhlba91"))).toBe(false);
  const own = run(process.execPath, ["-e", 'console.log(typeof require("plinth/machine/latitude").LatitudeServer)']);
  expect(own).toEqual({ code: 0, output: "function\n" });
  const { code, output } = preview({ site: siteAt("proxmox") });
  expect(code).toBe(1);
  expect(output).toContain("proxmox needs @muhlba91/pulumi-proxmoxve (npm install @muhlba91/pulumi-proxmoxve)");
  expect(output).not.toMatch(/^\s+at .*\.js:\d+/m);
});

test("on PATH alone the plugin is found as well, by its name", () => {
  writeFileSync(path.join(project, "Pulumi.yaml"), "name: foreign\nruntime: nodejs\n");
  const bin = path.join(project, "node_modules", ".bin");
  const { code, output } = preview(
    { bootstrap },
    { PATH: [bin, path.dirname(engine), process.env.PATH].join(path.delimiter) },
  );
  expect([code, output]).toEqual([0, expect.stringContaining("plinth:talos:Bootstrap bootstrap create")]);
});

test("nowhere to be found, the engine names the plugin and the version it wants", () => {
  const { code, output } = preview({ bootstrap });
  expect(code).toBe(1);
  expect(output).toContain(`no resource plugin 'pulumi-resource-plinth' found in the workspace at version v${version}`);
});
