/** Stacks that plinth comes with, previewed by the real engine without any credential: records answer for vendors. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { ProviderName } from "../../components/machine/contract";
import { everyLab } from "../../lab/build/recipes";
import { ensureTools } from "../../lab/build/tools";
import { installPlugins, type Needed } from "../../lab/engine/plugins";
import { Ticker } from "../../lab/ticker";
import { version } from "../../package.json";
import { ImageServer, RescueMachine, smallImage } from "../machine/rescue/machine";
import { RescueSsh } from "../machine/rescue/sshd";
import { siteAt } from "../machine/sites";
import { type Ended, engineBinary, Project, Running } from "../support/engine";
import { ROOT } from "../support/site";

jest.setTimeout(300_000);

const RECORDED = path.join(ROOT, "stacks/recorded");

/** Packages of vendors whose plugins are stood in for: each asks for the one of its own version. */
const VENDORS = ["@muhlba91/pulumi-proxmoxve", "@pulumi/hcloud", "@ediri/vultr", "@pulumi/command"];

function pluginOf(sdk: string): Needed {
  const { version, pulumi } = JSON.parse(readFileSync(require.resolve(`${sdk}/package.json`), "utf8"));
  return { name: pulumi.name ?? path.basename(sdk), version: version.replace(/^v/, "") };
}

const ticker = new Ticker();
let project: Project;
let talosctl = "";
let helm = "";

/** A project whose provider is the one in `plugin`. */
async function open(plugin: string): Promise<Project> {
  const opened = new Project(await engineBinary(), plugin);
  // A platform's charts are opened to be checked, also where nothing is installed.
  const tools = await ensureTools(ticker, undefined, [...everyLab, "helm"]);
  installPlugins(opened.env.PULUMI_HOME ?? "", tools, process.env, VENDORS.map(pluginOf));
  talosctl = tools.talosctl?.path ?? "";
  helm = tools.helm?.path ?? "";
  return opened;
}

beforeAll(async () => {
  project = await open(path.join(ROOT, "provider", "bin"));
});
afterAll(() => {
  project.remove();
  ticker.close();
});

// biome-ignore lint/suspicious/noExplicitAny: tests edit it in every way a person could
type Editable = any;

interface Job {
  /** The site. @default - that of the stack plinth comes with */
  readonly site?: object;
  /** Project it is run in. @default - that of all tests */
  readonly from?: Project;
  /** Environment beside that of the project. */
  readonly env?: NodeJS.ProcessEnv;
  readonly edit?: (site: Editable) => void;
  /** Whether the site is previewed, or its machines are made. @default "preview" */
  readonly operation?: "preview" | "make";
  /** Where the one rescue system, and the images, are in the place of the vendor's. */
  readonly rescue?: { readonly port: number; readonly factory: string };
  /** Configuration of providers that is secret. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Previews a stack that plinth comes with, or makes a part of it. */
function run(stack: string, { env: more = {}, edit, site, from = project, ...job }: Job = {}): Promise<Ended> {
  const file =
    site === undefined
      ? parse(readFileSync(path.join(ROOT, "stacks", `Pulumi.${stack}.yaml`), "utf8"))
      : { config: { "plinth:site": structuredClone(site) } };
  edit?.(file.config["plinth:site"]);
  const target = path.join(from.dir, `Pulumi.${stack}.yaml`);
  const kept = existsSync(target) ? parse(readFileSync(target, "utf8")) : {};
  writeFileSync(target, stringify({ ...kept, ...file }));
  const env = { ...from.env, PLINTH_TALOSCTL: talosctl, PLINTH_HELM: helm, PLINTH_RECORDED: RECORDED, ...more };
  const secrets = ["LATITUDESH_BEARER", "PLINTH_NETBOX_TOKEN", "PLINTH_BOOT_TOKEN", "PLINTH_BOOT_KEY"];
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !secrets.includes(name)));
  const host = spawn(
    process.execPath,
    [path.join(__dirname, "fixture", "host.cjs"), JSON.stringify({ stack, dir: from.dir, env, ...job })],
    { env: { ...bare, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  return new Running(host).ended;
}

test("edge: addresses from NetBox, a permission to install for each board that NetBox knows", async () => {
  const { result, output } = await run("edge");
  if (result === undefined) throw new Error(output);
  expect(result["create plinth:address:Pool"]).toEqual(["site-pool-nodes"]);
  expect(result["create plinth:boot:Intent"]).toEqual(["site-boot-pi-1", "site-boot-pi-2", "site-boot-pi-3"]);
  expect(result["create plinth:talos:ClusterRelease"]).toEqual(["site-release"]);
  expect(Object.keys(result).filter((kind) => !kind.startsWith("create "))).toEqual([]);
  expect(output).toContain("network.vip, pi-1, pi-2, pi-3: next free, not reserved: 10.30.0.10");
});

test("latitude: four orders and their network", async () => {
  const { result, output } = await run("latitude");
  if (result === undefined) throw new Error(output);
  expect(result["create plinth:latitude:Server"]).toHaveLength(4);
  expect(result["create plinth:latitude:VirtualNetwork"]).toHaveLength(1);
  expect(Object.keys(result).filter((kind) => !kind.startsWith("create "))).toEqual([]);
});

test("appliance: one machine, under a licence for its disk that is judged before anything else", async () => {
  const { result, output } = await run("appliance");
  if (result === undefined) throw new Error(output);
  expect(result["create plinth:licensing:Licence"]).toEqual(["site-licence"]);
  expect(result["create plinth:talos:ClusterRelease"]).toEqual(["site-release"]);
  expect(Object.keys(result).filter((kind) => !kind.startsWith("create "))).toEqual([]);
  expect(output).toMatch(/the licence [\w-]+ of ".*" is good for \d+ days/);
});

test("what is not in the record fails the preview, with its date", async () => {
  const other = path.join(ROOT, "test/stacks/fixture/recorded");
  expect(readdirSync(other)).toEqual(["netbox.yaml"]);
  const { code, output } = await run("edge", { env: { PLINTH_RECORDED: other } });
  expect(code).toBe(1);
  expect(output).toMatch(/GET \/api\/\S+ .*is not in .*netbox\.yaml \(record it there, or unset PLINTH_RECORDED/);
  expect(output).not.toMatch(/\n\s+at .*\.js:\d+/);
});

/** Providers whose plugins are stood in for: what carries a machine, and the secret that opens them. */
const STOOD_IN: readonly (readonly [ProviderName, string, string])[] = [
  ["proxmox", "proxmoxve:index/vmLegacy:VmLegacy", "proxmoxve:apiToken"],
  ["hetzner", "hcloud:index/server:Server", "hcloud:token"],
  ["vultr", "vultr:index/instance:Instance", "vultr:apiKey"],
];
const SCHEMATIC = "talos:imageFactory/schematic:Schematic";

test.each(STOOD_IN)(
  "%s: a site is previewed without a credential, and no other image, version or extension replaces a machine",
  async (provider, machine, credential) => {
    const stack = provider === "proxmox" ? "home" : provider;
    const job = provider === "proxmox" ? {} : { site: siteAt(provider) };
    const first = await run(stack, job);
    if (first.result === undefined) throw new Error(first.output);
    expect(first.result[`create ${machine}`]).toHaveLength(5);
    expect(first.result["create plinth:talos:ClusterRelease"]).toEqual(["site-release"]);
    expect(Object.keys(first.result).filter((kind) => !kind.startsWith("create "))).toEqual([]);

    const canary = `canary-of-${provider}-0f3a`;
    // Nobody answers to be written to over SSH here: these servers are made from a snapshot.
    const snapshot = (site: Editable) => provider === "hetzner" && Object.assign(site.hetzner, { snapshot: 4711 });
    const secrets = { [credential]: canary };
    const made = await run(stack, { ...job, operation: "make", secrets, edit: snapshot });
    if (made.result === undefined) throw new Error(made.output);
    expect(made.result[`create ${machine}`]).toHaveLength(5);

    const renewed = provider === "proxmox" ? "controller-1" : "cp-2";
    const edit = (site: Editable) => {
      site.talos.version = "v1.13.8";
      site.talos.extensions = [...(site.talos.extensions ?? []), "siderolabs/iscsi-tools"];
      site.talos.kernelArgs = ["console=ttyS0"];
      // Nor does another size; a higher generation is another machine, and the old one is given back at the end.
      if (provider !== "proxmox") site[provider].size = provider === "vultr" ? "vc2-4c-8gb" : "cx43";
      site.machines[renewed].generation = 2;
      // Neither does another host or id of a virtual machine: the one is a migration, the other is for new ones.
      if (provider === "proxmox") Object.assign(site.machines["worker-1"].vm, { host: "pve1", id: 777 });
    };
    const changed = await run(stack, { ...job, edit });
    if (changed.result === undefined) throw new Error(changed.output);
    const { result } = changed;
    const kinds = Object.keys(result).filter((kind) => kind.endsWith(` ${machine}`));
    const moved = provider === "proxmox" ? [`update ${machine}`] : [];
    expect(kinds.sort()).toEqual([`create ${machine}`, `delete ${machine}`, `same ${machine}`, ...moved]);
    expect([result[`create ${machine}`], result[`delete ${machine}`]]).toEqual([
      [`site-machines-${renewed}-g2`],
      [`site-machines-${renewed}`],
    ]);
    if (provider === "hetzner") {
      // Its private address goes over to the new one; no other machine loses its own.
      expect(result["replace hcloud:index/serverNetwork:ServerNetwork"]).toEqual([`site-machines-${renewed}-link`]);
      expect(result["same hcloud:index/serverNetwork:ServerNetwork"]).toHaveLength(4);
    }
    for (const kind of moved) expect(changed.result[kind]).toEqual(["site-machines-worker-1"]);
    // The preview did see another image.
    const images = Object.keys(changed.result).filter((kind) => kind.endsWith(SCHEMATIC));
    expect(images).not.toEqual([`same ${SCHEMATIC}`]);

    const state = project.stateText(stack);
    expect(state).toContain(machine);
    for (const text of [first.output, made.output, changed.output, state]) {
      expect(text).not.toContain(canary);
      expect(text).not.toContain("PRIVATE KEY");
    }
  },
);

test("hetzner: Talos is written from the rescue system to every server once, with a key that nobody sees", async () => {
  const disks = ["cp-1", "worker-1"];
  const machine = new RescueMachine(disks.map((name) => ({ name, serial: `S-${name}` })));
  const ssh = new RescueSsh(machine, true);
  const images = new ImageServer(
    execFileSync("zstd", ["--stdout", "--quiet"], { input: smallImage(), maxBuffer: 2 ** 26 }),
  );
  try {
    const rescue = { port: await ssh.listen(), factory: new URL(await images.listen()).origin };
    const site = siteAt("hetzner", (file) => {
      for (const key of Object.keys(file.machines)) {
        if (disks.includes(key)) file.machines[key].disk = { serial: `S-${key}` };
        else delete file.machines[key];
      }
    });
    const job: Job = { site, operation: "make", rescue, secrets: { "hcloud:token": "canary-of-rescue-0f3a" } };
    const written = (name: string) => machine.bytes(name).subarray(0, smallImage().length).equals(smallImage());
    const made = await run("rescued", job);
    if (made.result === undefined) throw new Error(made.output);
    expect(made.result["create command:remote:Command"]).toEqual([
      "site-machines-cp-1-talos",
      "site-machines-worker-1-talos",
    ]);
    expect([disks.map(written), await machine.restarts(2)]).toEqual([[true, true], 2]);

    // Another image is for nobody; another generation of one machine is written, whatever its disk carried.
    const edit = ({ talos, machines }: Editable) => {
      talos.version = "v1.13.8";
      machines["worker-1"].generation = 2;
    };
    const renewed = await run("rescued", { ...job, edit });
    if (renewed.result === undefined) throw new Error(renewed.output);
    expect(renewed.result["same command:remote:Command"]).toEqual(["site-machines-cp-1-talos"]);
    expect(renewed.result["create command:remote:Command"]).toEqual(["site-machines-worker-1-talos-g2"]);
    expect(renewed.result["delete hcloud:index/server:Server"]).toEqual(["site-machines-worker-1"]);
    expect(await machine.restarts(3)).toBe(3);

    // The key that entered is the one that Hetzner was told; its other half is nowhere to be read.
    const state = project.stateText("rescued");
    expect(ssh.entered.size).toBe(1);
    for (const key of ssh.entered) expect(state).toContain(key);
    for (const text of [made.output, renewed.output, state]) {
      expect(text).not.toContain("PRIVATE KEY");
      expect(text).not.toContain("canary-of-rescue-0f3a");
    }
  } finally {
    await Promise.all([ssh.close(), images.close()]);
    machine.remove();
  }
});

test("a plugin of another version than the program's library is refused by both versions", async () => {
  const other = await open(path.join(__dirname, "fixture", "other"));
  try {
    const { code, output } = await run("edge", { from: other });
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
