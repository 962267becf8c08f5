import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { plaintextSecrets } from "../../components/plaintext";
import { ensureTools, type Tools } from "../../lab/build/tools";
import { readState } from "../../lab/engine/engine";
import { Instance } from "../../lab/instance/instance";
import { prepare } from "../../lab/instance/prepare";
import { rackTools, startRack } from "../../lab/rack/rack";
import type { LabStatus } from "../../lab/status/status";
import { Ticker } from "../../lab/ticker";
import { lab, mustLab, StackFile } from "../support/lab";
import { ROOT } from "../support/site";

/**
 * A cluster made with nothing but talosctl, adopted: plinth reads it, takes it over as it runs, and says what differs.
 * The tests run in order, each goes on where the last one stopped.
 */
jest.setTimeout(900_000);

const NAME = "test-adopt";
const instance = new Instance(NAME);
const hardware = new StackFile();
const folder = mkdtempSync(path.join(tmpdir(), "plinth-adopt-"));
const at = (name: string): string => path.join(folder, name);
const ticker = new Ticker();
let tools: Tools;
let addresses: Record<string, string>;
let before: Record<string, string>;
let said: string;

function tool(name: string, ...args: string[]): string {
  return execFileSync(tools[name]?.path ?? "", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Boot and configuration of every machine. */
async function runs(): Promise<Record<string, string>> {
  const { machines } = (JSON.parse(await mustLab(NAME, "status", "--json")) as LabStatus) ?? {};
  return Object.fromEntries(
    machines.map(({ name, address, bootId }) => {
      const access = ["--talosconfig", at("talosconfig"), "-e", address, "-n", address];
      return [
        name,
        `${bootId} ${tool("talosctl", "get", "machineconfig", "v1alpha1", "-o", "jsonpath={.spec}", ...access)}`,
      ];
    }),
  );
}

async function patiently(seconds: number, work: () => void): Promise<void> {
  for (const end = Date.now() + seconds * 1000; ; await sleep(1000)) {
    try {
      return work();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

function adopt(...more: string[]): string {
  const nodes = Object.values(addresses).join(",");
  const args = ["adopt", at("Pulumi.lab.yaml"), "--talosconfig", at("talosconfig"), "--nodes", nodes];
  const options = ["--domain", "lab.example.org", "--provider", "lab", "--bundle", at("bundle.json"), ...more];
  return execFileSync(process.execPath, [path.join(ROOT, "dist/cli/main.js"), ...args, ...options], {
    encoding: "utf8",
    env: { ...process.env, PLINTH_TALOSCTL: tools.talosctl?.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

beforeAll(async () => {
  await mustLab(NAME, "reset");
  tools = await ensureTools(ticker);
  hardware.edit((file) => {
    delete file.machines["worker-2"];
  });
  const plan = await prepare(instance, hardware.path);
  await startRack(instance, plan, await rackTools(instance, plan, tools, ticker, new AbortController().signal));
  addresses = Object.fromEntries(
    plan.nodes.map(({ key, address }) => [key, "literal" in address ? address.literal : ""]),
  );
  const vip = "literal" in plan.endpoint.address ? plan.endpoint.address.literal : "";
  const versions = ["--kubernetes-version", "1.36.3", "--talos-version", "v1.13"];
  const plain = ["--with-docs=false", "--with-examples=false", "--install-disk", "/dev/sda"];
  // The installer of the version that the machines booted: talosctl's default is its own.
  plain.push("--install-image", `ghcr.io/siderolabs/installer:${plan.talos.version}`);
  tool("talosctl", "gen", "config", "lab", `https://${vip}:6443`, "-o", folder, ...versions, ...plain);
  for (const [key, address] of Object.entries(addresses)) {
    const role = key.startsWith("cp") ? "controlplane" : "worker";
    const hostname = stringify({ apiVersion: "v1alpha1", kind: "HostnameConfig", auto: "off", hostname: key });
    writeFileSync(at("patch.yaml"), hostname);
    const file = ["--file", at(`${role}.yaml`), "--config-patch", `@${at("patch.yaml")}`];
    tool("talosctl", "apply-config", "--insecure", "-e", address, "-n", address, ...file);
  }
  const first = ["--talosconfig", at("talosconfig"), "-e", addresses["cp-1"] ?? "", "-n", addresses["cp-1"] ?? ""];
  await patiently(120, () => tool("talosctl", "bootstrap", ...first));
  await patiently(180, () => tool("talosctl", "kubeconfig", at("kubeconfig"), "--force", ...first));
  await patiently(240, () => {
    const nodes = tool("kubectl", "--kubeconfig", at("kubeconfig"), "get", "nodes", "--no-headers");
    if ((nodes.match(/ Ready /g) ?? []).length < 4) throw new Error(nodes);
  });
  before = await runs();
});

afterAll(async () => {
  ticker.close();
  await lab(NAME, ["reset"]);
  hardware.remove();
  rmSync(folder, { recursive: true, force: true });
});

it("describes it as a site file, keeps its secrets apart, and touches no machine", async () => {
  said = adopt();
  const text = readFileSync(at("Pulumi.lab.yaml"), "utf8");
  const { machines, network, talos, kubernetes, name } = parse(text).config["plinth:site"];
  expect(name).toBe("lab");
  expect(Object.keys(machines)).toEqual(["cp-1", "cp-2", "cp-3", "worker-1"]);
  expect(machines["cp-1"]).toMatchObject({
    role: "controlplane",
    adopted: true,
    mac: "52:54:00:77:00:0b",
    address: addresses["cp-1"],
    disk: { wwid: "naa.5000c500a0770011" },
  });
  expect(network.cidr).toMatch(/^127\.\d+\.\d+\.0\/24$/);
  expect(talos).toMatchObject({ version: "v1.13.0", configContract: "v1.13" });
  expect(kubernetes.version).toBe("v1.36.3");
  const bundle = readFileSync(at("bundle.json"), "utf8");
  expect(statSync(at("bundle.json")).mode & 0o777).toBe(0o600);
  const { clientConfiguration } = JSON.parse(bundle);
  for (const shown of [said, text]) {
    expect(plaintextSecrets(shown)).toEqual([]);
    expect(shown).not.toContain(clientConfiguration.clientKey);
  }
  expect(said).toMatch(/4 machines of lab, Talos v1\.13\.0, Kubernetes v1\.36\.3\. No machine was touched\./);
  expect(said).toMatch(/cp-1, cp-2, cp-3, worker-1: machine\.install\.diskSelector\.wwid added: in effect at the next/);
  expect(await runs()).toEqual(before);
});

it("refuses to overwrite what is there, and a cluster it has no key to", () => {
  expect(() => adopt()).toThrow(/is there already \(name another file, or move it away\)/);
});

it("is taken over by the first update as it runs", async () => {
  const file = parse(readFileSync(at("Pulumi.lab.yaml"), "utf8"));
  const refused = await lab(NAME, ["up", "--site", at("Pulumi.lab.yaml")]);
  expect(refused.stderr).toMatch(/ran before plinth, and this stack has not their cluster's secrets/);
  file.config["secrets:bundle"] = readFileSync(at("bundle.json"), "utf8").trim();
  writeFileSync(at("Pulumi.lab.yaml"), stringify(file));
  await mustLab(NAME, "up", "--site", at("Pulumi.lab.yaml"));
  expect(await runs()).toEqual(before);
  const types = (readState(instance)?.resources ?? []).map(({ type }) => type);
  expect(types).toContain("plinth:talos:ClusterRelease");
  expect(types.filter((type) => /Secrets$|ConfigurationApply$/.test(type))).toEqual([]);
  expect(plaintextSecrets(readState(instance))).toEqual([]);
});

it("shows in the next preview exactly what plinth adopt said, and changes it only then", async () => {
  const shown = await lab(NAME, ["preview"]);
  expect(shown.stderr).toMatch(/cp-1: runs otherwise than declared at .*diskSelector/);
  expect(await runs()).toEqual(before);
  const boots = Object.fromEntries(Object.entries(before).map(([name, text]) => [name, text.split(" ")[0]]));
  const changed = await lab(NAME, ["up"]);
  expect(`${changed.code} ${changed.code === 0 ? "" : changed.stderr}`).toBe("0 ");
  await mustLab(NAME, "preview", "--expect-no-changes");
  const after = Object.fromEntries(Object.entries(await runs()).map(([name, text]) => [name, text.split(" ")[0]]));
  expect(after).toEqual(boots);
});
