import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { EngineEvent, PulumiFn, Stack } from "@pulumi/pulumi/automation";
import { ensureTools } from "../../lab/build/tools";
import { reset } from "../../lab/commands/down";
import { openStack, readState, stateFile } from "../../lab/engine/engine";
import { installPlugins } from "../../lab/engine/plugins";
import { packFolder } from "../../lab/engine/run";
import { Instance } from "../../lab/instance/instance";
import { prepare } from "../../lab/instance/prepare";
import { siteOf, subnetOf } from "../../lab/instance/subnet";
import { Ticker } from "../../lab/ticker";
import { ROOT } from "../support/site";

/** The pack on the real engine, with the lab's plugins and no machine: nothing gets as far as one. */
jest.setTimeout(300_000);

const ticker = new Ticker();
const instance = new Instance("test-policies");
const recorded = path.join(ROOT, "test/recorded/0.1.0");
let stack: Stack;

beforeAll(async () => {
  await reset(instance, ticker);
  const site = path.join(recorded, "Pulumi.lab.yaml");
  const subnet = subnetOf(siteOf(readFileSync(site, "utf8")).cidr);
  if (typeof subnet !== "string") throw new Error(subnet.reason);
  instance.write({ subnet, source: site });
  await prepare(instance);
  const tools = await ensureTools(ticker);
  installPlugins(instance, tools);
  copyFileSync(path.join(recorded, "passphrase"), instance.at("passphrase"));
  copyFileSync(site, instance.stackFile);
  stack = await openStack(instance, tools);
});

afterAll(async () => {
  await reset(instance, ticker);
  ticker.close();
});

interface Ran {
  readonly failed: boolean;
  /** What stops, as `rule: message`. */
  readonly stops: readonly string[];
  readonly warns: readonly string[];
}

/** Runs an operation under the pack. */
async function run(operation: "preview" | "up", program: PulumiFn, config: object = {}): Promise<Ran> {
  const file = instance.at("policies.json");
  writeFileSync(file, JSON.stringify(config));
  const seen: { stops: string[]; warns: string[] } = { stops: [], warns: [] };
  const onEvent = ({ policyEvent }: EngineEvent) => {
    if (policyEvent === undefined) return;
    const list = policyEvent.enforcementLevel === "mandatory" ? seen.stops : seen.warns;
    list.push(`${policyEvent.policyName}: ${policyEvent.message}`);
  };
  stack.workspace.program = program;
  const options = { onEvent, policyPacks: [packFolder], policyPackConfigs: [file] };
  try {
    await (operation === "up" ? stack.up(options) : stack.preview(options));
    return { failed: false, ...seen };
  } catch (error) {
    if (seen.stops.length === 0) throw error;
    return { failed: true, ...seen };
  }
}

const made = () => (readState(instance)?.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:"));
const site: PulumiFn = async () => (require(path.join(ROOT, "dist/stacks")) as PulumiFn)();
const production = { "pack-settings": { profile: "production" } };

describe("a stack that violates a mandatory rule", () => {
  /** Two control planes: what a site file cannot say, a program can. */
  const two: PulumiFn = async () => {
    const { TalosCluster } = require(path.join(ROOT, "dist/components/talos/TalosCluster"));
    const node = (hostname: string, address: string) => ({ type: "controlplane", address, hostname, patches: [] });
    new TalosCluster("two", {
      clusterName: "two",
      configContract: "v1.13",
      talosVersion: "v1.13.0",
      kubernetesVersion: "v1.36.3",
      endpoint: "https://127.103.31.10:6443",
      nodes: { "cp-1": node("cp-1", "127.103.31.11"), "cp-2": node("cp-2", "127.103.31.12") },
    });
    return {};
  };

  it.each(["preview", "up"] as const)(
    "fails at %s with the rule's sentence and the fix, and nothing is changed",
    async (operation) => {
      const { failed, stops } = await run(operation, two);
      expect(failed).toBe(true);
      expect(stops.join("\n")).toMatch(
        /control-planes-odd: .*must have an odd number of control planes\. Here controlPlanes: 2 control planes.* Use 1 or 3/,
      );
      expect(made()).toEqual([]);
    },
  );
});

describe("a stack without plinth", () => {
  const plain =
    (settings: Record<string, string>): PulumiFn =>
    async () => {
      const pulumi = require("@pulumi/pulumi");
      for (const [key, value] of Object.entries(settings)) pulumi.runtime.setConfig(`example:${key}`, value);
      await (require(path.join(ROOT, "dist/policies/example")) as PulumiFn)();
      return {};
    };

  it("passes when it keeps to the rules", async () => {
    const { failed, stops } = await run("preview", plain({ protect: "true" }));
    expect([failed, stops]).toEqual([false, []]);
  });

  it("is stopped by the same rules when it does not", async () => {
    const { failed, stops } = await run("preview", plain({ image: "nginx:latest", protect: "false" }));
    expect(failed).toBe(true);
    expect(stops.join("\n")).toMatch(/image-tag-fixed: .*"nginx:latest" has no version/);
    expect(stops.join("\n")).toMatch(/cluster-secrets-protected: /);
  });

  it("is let through by an exemption with a reason and an end, and no longer when that is past", async () => {
    const exempt = (until: string) => ({
      "pack-settings": {
        exemptions: [{ rule: "image-tag-fixed", resource: "web", reason: "the vendor ships no version", until }],
      },
    });
    const settings = { image: "nginx:latest", protect: "true" };
    expect((await run("preview", plain(settings), exempt("2999-12-31"))).stops).toEqual([]);
    const past = await run("preview", plain(settings), exempt("2020-12-31"));
    expect(past.stops.join("\n")).toMatch(/image-tag-fixed: [\s\S]*pack-settings: .* ended on 2020-12-31/);
  });
});

describe("the lab's own stack", () => {
  it("passes every rule before anything is made, and says which rules have to wait", async () => {
    const { failed, stops, warns } = await run("preview", site);
    expect([failed, stops]).toEqual([false, []]);
    expect(warns.filter((warning) => !/cannot be decided before the update/.test(warning))).toEqual([
      expect.stringMatching(/^backup-declared: /),
    ]);
  });

  it("passes as it was left behind, decided on every value, with what production asks", async () => {
    mkdirSync(path.dirname(stateFile(instance)), { recursive: true });
    copyFileSync(path.join(recorded, "state.json"), stateFile(instance));
    const { stops, warns } = await run("preview", site, production);
    expect(stops.filter((stop) => !stop.startsWith("backup-declared: "))).toEqual([]);
    expect(warns.filter((warning) => /cannot be decided/.test(warning))).toEqual([]);
  });
});
