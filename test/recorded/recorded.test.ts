import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { ensureTools } from "../../lab/build/tools";
import { reset } from "../../lab/commands/down";
import { openStack, stateFile } from "../../lab/engine/engine";
import { installPlugins, pulumiHome } from "../../lab/engine/plugins";
import { Instance } from "../../lab/instance/instance";
import { prepare } from "../../lab/instance/prepare";
import { siteOf, subnetOf } from "../../lab/instance/subnet";
import { Ticker } from "../../lab/ticker";

/** States that earlier versions left behind, one folder a version (`npm run record` adds this one's). */
const versions = readdirSync(__dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && /^\d+\.\d+\.\d+/.test(entry.name))
  .map((entry) => entry.name);

const ticker = new Ticker();
afterAll(() => ticker.close());

test.each(versions)(
  "the state of %s previews without replacing or deleting anything",
  async (version) => {
    const recorded = path.join(__dirname, version);
    const site = path.join(recorded, "Pulumi.lab.yaml");
    const instance = new Instance(`recorded-${version.replaceAll(".", "-")}`);
    try {
      const subnet = subnetOf(siteOf(readFileSync(site, "utf8")).cidr);
      if (typeof subnet !== "string") throw new Error(subnet.reason);
      instance.write({ subnet, source: site });
      await prepare(instance);
      copyFileSync(path.join(recorded, "passphrase"), instance.at("passphrase"));
      copyFileSync(site, instance.stackFile);
      const tools = await ensureTools(ticker);
      installPlugins(pulumiHome(instance), tools);
      mkdirSync(path.dirname(stateFile(instance)), { recursive: true });
      copyFileSync(path.join(recorded, "state.json"), stateFile(instance));

      const stack = await openStack(instance, tools);
      const steps: string[] = [];
      await stack.preview({
        onEvent: ({ resourcePreEvent }: EngineEvent) => {
          if (resourcePreEvent) steps.push(`${resourcePreEvent.metadata.op} ${resourcePreEvent.metadata.urn}`);
        },
      });
      expect(steps.length).toBeGreaterThan(10);
      expect(steps.filter((step) => /^(replace|create-replacement|delete|delete-replaced) /.test(step))).toEqual([]);
      expect(steps.filter((step) => step.startsWith("create "))).toEqual([]);
    } finally {
      await reset(instance, ticker);
    }
  },
  600_000,
);

test("there is at least one recorded state", () => {
  expect(versions).not.toEqual([]);
});
