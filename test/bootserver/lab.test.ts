import { readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Instance } from "../../lab/instance/instance";
import { prepare } from "../../lab/instance/prepare";
import { startBootServer, stopBootServer } from "../../lab/rack/boot";
import { rackControl } from "../../lab/rack/rack";
import type { LabStatus } from "../../lab/status/status";
import { bootServer } from "../../provider/boot/client";
import { mustLab } from "../support/lab";
import { fetchText } from "./support";

/** Five machines with empty disks whose firmware asks the network first; the tests run in order on one instance. */
jest.setTimeout(1_200_000);

const NAME = "test-boot";
const FILE = "stacks/Pulumi.lab-boot.yaml";
const instance = new Instance(NAME);
const ASK = { "cp-1": 1, "cp-2": 2, "cp-3": 3, "worker-1": 4, "worker-2": 5 };

// A run that was killed leaves an instance of an older state behind.
beforeAll(() => mustLab(NAME, "reset"));
afterAll(() => mustLab(NAME, "reset"));

async function access() {
  const found = await startBootServer(instance, await prepare(instance));
  if (found === undefined) throw new Error("the site boots over the network");
  const { PLINTH_BOOT_URL: url = "", PLINTH_BOOT_TOKEN: token = "" } = found.env;
  return { machines: found.script.replace("/boot.ipxe", ""), client: bootServer({ url, token }) };
}

async function rack() {
  const { machines } = await rackControl(instance).status();
  return Object.fromEntries(machines.map((machine) => [machine.name, machine]));
}

async function until(what: string, seconds: number, look: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(500)) if (await look()) return;
  throw new Error(`${what}: not within ${seconds} s`);
}

const allRun = async () => Object.values(await rack()).every(({ stage }) => stage === "running");
const ask = (mac: string, uuid: string) => `/ipxe?mac=${mac.replaceAll(":", "-")}&uuid=${uuid}&arch=x86_64`;

test("five machines come from power-on to Ready over the network, each installed once", async () => {
  await mustLab(NAME, "up", "--site", FILE);
  const status: LabStatus = JSON.parse(await mustLab(NAME, "status", "--json"));
  expect(status.nodes?.map(({ ready }) => ready)).toEqual(Array(5).fill(true));
  expect(Object.values(await rack()).map(({ installs }) => installs)).toEqual(Array(5).fill(1));
  const { client } = await access();
  // The new systems prove themselves; nobody has to report.
  await until("every installation ends by proof", 60, async () => {
    const machines = await client.machines(AbortSignal.timeout(5000));
    return machines.length === 5 && machines.every(({ end }) => end === "proof");
  });
  await mustLab(NAME, "preview", "--expect-no-changes");
});

test("power cycles, old answers, an old permission and lost records reinstall nothing", async () => {
  const control = rackControl(instance);
  const plan = await prepare(instance);
  const names = Object.keys(ASK);
  for (let cycle = 0; cycle < 20; cycle++) {
    if (cycle === 7) await stopBootServer(instance);
    if (cycle === 10) await access();
    if (cycle === 13) {
      await stopBootServer(instance);
      rmSync(instance.at("boot", "state"), { recursive: true });
    }
    if (cycle === 16) await access();
    const name = names[Math.floor(Math.random() * names.length)] ?? "cp-1";
    const before = (await rack())[name]?.bootId;
    await control.power(name, "cycle");
    // Some are cycled again in the middle of their boot.
    if (cycle % 3 === 0) await sleep(Math.random() * 1500);
    else await until(`${name} boots`, 60, async () => (await rack())[name]?.bootId !== before && allRun());
  }
  await until("every machine runs again", 120, allRun);
  const after = Object.values(await rack());
  expect(after.map(({ installs, slot }) => [installs, slot])).toEqual(Array(5).fill([1, "A"]));
  const { machines } = await access();
  for (const { mac, boot } of plan.nodes) {
    expect((await fetchText(machines + ask(mac, boot?.uuid ?? ""))).body).toBe("#!ipxe\nexit\n");
  }
  const audit = readFileSync(instance.at("boot", "audit.jsonl"), "utf8");
  expect(audit).toContain('"boot":"install"');
  expect(audit).not.toContain('"boot":"wipe"');
});
