import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ensureTools } from "../../lab/build/tools";
import { reset } from "../../lab/commands/down";
import { readState, stateFile } from "../../lab/engine/engine";
import { installPlugins, pulumiHome } from "../../lab/engine/plugins";
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

beforeAll(async () => {
  await reset(instance, ticker);
  const site = path.join(recorded, "Pulumi.lab.yaml");
  const subnet = subnetOf(siteOf(readFileSync(site, "utf8")).cidr);
  if (typeof subnet !== "string") throw new Error(subnet.reason);
  instance.write({ subnet, source: site });
  await prepare(instance);
  const tools = await ensureTools(ticker);
  installPlugins(pulumiHome(instance), tools);
  copyFileSync(path.join(recorded, "passphrase"), instance.at("passphrase"));
  copyFileSync(site, instance.stackFile);
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
function run(operation: "preview" | "up", program: Program, config: object = {}): Promise<Ran> {
  writeFileSync(instance.at("policies.json"), JSON.stringify(config));
  const job = { operation, ...program, instance: instance.name, config: instance.at("policies.json") };
  return new Promise((resolve, reject) => {
    const args = [path.join(__dirname, "fixture/host.cjs"), JSON.stringify(job)];
    execFile(process.execPath, args, { cwd: ROOT, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const line = /^RESULT (.*)$/m.exec(stdout)?.[1];
      if (line === undefined) return reject(new Error(`${error?.message}\n${stdout}\n${stderr}`));
      const { stops, warns, error: failure } = JSON.parse(line);
      // Whatever else goes wrong is no finding.
      if (failure !== undefined && stops.length === 0) return reject(new Error(failure));
      resolve({ failed: failure !== undefined, stops, warns });
    });
  });
}

/** A program of the fixture. */
interface Program {
  readonly program: "two" | "plain" | "site";
  readonly settings?: Readonly<Record<string, string>>;
}

const two: Program = { program: "two" };
const site: Program = { program: "site" };
const plain = (settings: Readonly<Record<string, string>>): Program => ({ program: "plain", settings });

const made = () => (readState(instance)?.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:"));
const production = { "pack-settings": { profile: "production" } };

describe("a stack that violates a mandatory rule", () => {
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
