/** Stacks that plinth comes with, previewed by the real engine without any credential: records answer for vendors. */
import { spawn } from "node:child_process";
import { copyFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { ensureTools } from "../../lab/build/tools";
import { installPlugins } from "../../lab/engine/plugins";
import { Ticker } from "../../lab/ticker";
import { version } from "../../package.json";
import { type Ended, engineBinary, Project, Running } from "../support/engine";
import { ROOT } from "../support/site";

jest.setTimeout(300_000);

const RECORDED = path.join(ROOT, "stacks/recorded");

const ticker = new Ticker();
let project: Project;
let talosctl = "";

/** A project whose provider is the one in `plugin`. */
async function open(plugin: string): Promise<Project> {
  const opened = new Project(await engineBinary(), plugin);
  const tools = await ensureTools(ticker);
  installPlugins(opened.env.PULUMI_HOME ?? "", tools);
  talosctl = tools.talosctl?.path ?? "";
  return opened;
}

beforeAll(async () => {
  project = await open(path.join(ROOT, "provider", "bin"));
});
afterAll(() => {
  project.remove();
  ticker.close();
});

function preview(stack: string, more: NodeJS.ProcessEnv = {}, from = project): Promise<Ended> {
  copyFileSync(path.join(ROOT, "stacks", `Pulumi.${stack}.yaml`), path.join(from.dir, `Pulumi.${stack}.yaml`));
  const env = { ...from.env, PLINTH_TALOSCTL: talosctl, PLINTH_RECORDED: RECORDED, ...more };
  const job = JSON.stringify({ stack, dir: from.dir, env });
  const secrets = ["LATITUDESH_BEARER", "PLINTH_NETBOX_TOKEN", "PLINTH_BOOT_TOKEN", "PLINTH_BOOT_KEY"];
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !secrets.includes(name)));
  const host = spawn(process.execPath, [path.join(__dirname, "fixture", "host.cjs"), job], {
    env: { ...bare, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Running(host).ended;
}

test("edge: addresses from NetBox, a permission to install for each board that NetBox knows", async () => {
  const { result, output } = await preview("edge");
  if (result === undefined) throw new Error(output);
  expect(result["create plinth:address:Pool"]).toEqual(["site-pool-nodes"]);
  expect(result["create plinth:boot:Intent"]).toEqual(["site-boot-pi-1", "site-boot-pi-2", "site-boot-pi-3"]);
  expect(result["create plinth:talos:ClusterRelease"]).toEqual(["site-release"]);
  expect(Object.keys(result).filter((kind) => !kind.startsWith("create "))).toEqual([]);
  expect(output).toContain("network.vip, pi-1, pi-2, pi-3: next free, not reserved: 10.30.0.10");
});

test("latitude: four orders and their network", async () => {
  const { result, output } = await preview("latitude");
  if (result === undefined) throw new Error(output);
  expect(result["create plinth:latitude:Server"]).toHaveLength(4);
  expect(result["create plinth:latitude:VirtualNetwork"]).toHaveLength(1);
  expect(Object.keys(result).filter((kind) => !kind.startsWith("create "))).toEqual([]);
});

test("appliance: one machine, under a licence for its disk that is judged before anything else", async () => {
  const { result, output } = await preview("appliance");
  if (result === undefined) throw new Error(output);
  expect(result["create plinth:licensing:Licence"]).toEqual(["site-licence"]);
  expect(result["create plinth:talos:ClusterRelease"]).toEqual(["site-release"]);
  expect(Object.keys(result).filter((kind) => !kind.startsWith("create "))).toEqual([]);
  expect(output).toMatch(/the licence [\w-]+ of ".*" is good for \d+ days/);
});

test("what is not in the record fails the preview, with its date", async () => {
  const other = path.join(ROOT, "test/stacks/fixture/recorded");
  expect(readdirSync(other)).toEqual(["netbox.yaml"]);
  const { code, output } = await preview("edge", { PLINTH_RECORDED: other });
  expect(code).toBe(1);
  expect(output).toMatch(/GET \/api\/\S+ .*is not in .*netbox\.yaml \(record it there, or unset PLINTH_RECORDED/);
  expect(output).not.toMatch(/\n\s+at .*\.js:\d+/);
});

test("a plugin of another version than the program's library is refused by both versions", async () => {
  const other = await open(path.join(__dirname, "fixture", "other"));
  try {
    const { code, output } = await preview("edge", {}, other);
    expect(code).toBe(1);
    expect(output).toContain(
      `the program uses plinth ${version}, and the plugin that the engine has started for it is`,
    );
    expect(output).toContain("plinth 0.0.1: point 'plugins.providers' of Pulumi.yaml into the package");
    expect(output).not.toMatch(/\n\s+at .*\.js:\d+/);
  } finally {
    other.remove();
  }
});
