/** Rented servers under the real engine, with plinth's compiled provider, at a fake Latitude.sh on loopback. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { recoverStack } from "../../cli/commands/recover";
import type { ServerInputs } from "../../components/machine/latitude/LatitudeServer";
import { type Ended, engineBinary, Project, Running, until } from "../support/engine";
import { ROOT } from "../support/site";
import { FakeLatitude, TOKEN } from "./fake";
import { server } from "./world";

jest.setTimeout(180_000);

let engine: string;
let project: Project;
let fake: FakeLatitude;
let url: string;

beforeAll(async () => {
  engine = await engineBinary();
});
beforeEach(async () => {
  project = new Project(engine, join(ROOT, "provider", "bin"));
  // A look at a server or an assignment that is not ready yet costs half a minute.
  fake = new FakeLatitude({ looks: 1, connects: true });
  url = await fake.listen();
});
afterEach(async () => {
  project.remove();
  await fake.close();
});

const run = (...job: Parameters<typeof start>): Promise<Ended> => start(...job).ended;

function start(operation: string, servers: Readonly<Record<string, ServerInputs>>, token = TOKEN): Running {
  const config = { "plinth:latitude.url": url, "plinth:latitude.token": token };
  const job = { operation, dir: project.dir, env: project.env, config, servers };
  const host = spawn(process.execPath, [join(__dirname, "fixture", "host.cjs"), JSON.stringify(job)], {
    env: { ...process.env, ...job.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Running(host);
}

/** Kills engine and program at once, as a machine that loses its power would, and clears up after them. */
async function kill(running: Running): Promise<string> {
  process.kill(running.engine, "SIGKILL");
  running.host.kill("SIGKILL");
  const { output } = await running.ended;
  recoverStack({ backend: project.backend, project: "test", stack: "test" });
  return output;
}

const rack = (edit: Partial<ServerInputs> = {}) => ({
  "cp-1": { ...server, ...edit },
  "cp-2": { ...server, hostname: "home-cp-2", ...edit },
});

test("are ordered once, not replaced for another image, and given back with their bill; the key is nowhere", async () => {
  expect((await run("preview", rack())).result).toEqual({ changes: { create: 4 } });
  expect(fake.orders).toBe(0);
  const up = await run("up", rack());
  if (up.code !== 0) throw new Error(up.output);
  expect(up.result?.outputs).toMatchObject({ vid: 2003, connected: ["sv_1", "sv_2"] });
  expect(fake.orders).toBe(2);

  const image = await run("preview", rack({ ipxe: server.ipxe.replace("v1.13.9", "v1.14.0") }));
  expect(image.result).toEqual({ changes: { same: 4 } });
  const plan = await run("preview", rack({ plan: "c3-medium-x86" }));
  expect(plan.output).toMatch(/another plan is another server.*write generation: 2/);

  const destroy = await run("destroy", {});
  expect(destroy.output).toMatch(/home-cp-1 \(sv_\d\) is given back: billed by the hour until now/);
  expect([fake.servers, fake.networks, fake.assignments]).toEqual([[], [], []]);
  expect([up, image, plan, destroy].map(({ output }) => output).join("") + project.stateText()).not.toContain(TOKEN);
});

test("that cannot be ordered are refused at preview with the nearest alternatives, and nothing was ordered", async () => {
  const cases: [Partial<ServerInputs>, string, string][] = [
    [{ site: "FRA" }, TOKEN, "c2-small-x86 is out of stock in FRA (in stock in FRA: c3-medium-x86 (0.43 $/h)"],
    [{ gpu: true }, TOKEN, "c2-small-x86 has no GPU (in stock in NYC with a GPU: g4-rtx6kpro-large (8.10 $/h))"],
    [{}, "ak_wrong-one", "The API key is not valid."],
  ];
  for (const [edit, token, message] of cases) {
    const ended = await run("preview", rack(edit), token);
    expect([ended.code, ended.output]).toEqual([1, expect.stringContaining(message)]);
    expect(ended.output).not.toMatch(/\n\s+at .*\.js:\d+/);
    expect(ended.output).not.toContain(token);
  }
  expect(fake.orders).toBe(0);
});

test("killed with orders on their way, and again while giving back: nothing is ordered twice, and nothing is left", async () => {
  fake.unanswered = /^POST \/servers$/;
  const ordering = start("up", rack());
  await until("two orders on their way", 90, () => fake.orders === 2);
  const outputs = [await kill(ordering)];
  expect(fake.servers.map(({ hostname }) => hostname).sort()).toEqual(["home-cp-1", "home-cp-2"]);

  fake.unanswered = undefined;
  const up = await run("up", rack());
  if (up.code !== 0) throw new Error(up.output);
  expect([fake.orders, fake.servers.length]).toEqual([2, 2]);
  expect(up.output).toMatch(/home-cp-1 was ordered before \(sv_\d\): nothing is ordered/);

  fake.unanswered = /^DELETE \/servers/;
  const ending = start("destroy", {});
  await until("a server on its way back", 90, () => fake.requests.some((each) => each.startsWith("DELETE /servers")));
  outputs.push(await kill(ending));

  fake.unanswered = undefined;
  const destroy = await run("destroy", {});
  expect([destroy.code, fake.orders, fake.servers, fake.networks, fake.assignments]).toEqual([0, 2, [], [], []]);

  const audit = readFileSync(join(project.env.PLINTH_STATE_DIR ?? "", "audit.jsonl"), "utf8");
  expect(audit).toMatch(/"act":"order"[\s\S]*"act":"destroy"/);
  const everything = [...outputs, up.output, destroy.output, audit, project.stateText()].join("");
  expect(everything).not.toContain(TOKEN);
});

test("one that is stuck, then cannot be deployed, is not ordered again; it gives way to another one, and that to none", async () => {
  fake.fault("stuck");
  const stuck = start("up", rack());
  await until("two orders, each looked at", 90, () => {
    return fake.orders === 2 && fake.servers.every(({ id }) => fake.requests.includes(`GET /servers/${id}`));
  });
  const outputs = [await kill(stuck)];
  for (const each of fake.servers) if (each.status === "stuck") each.status = "failed_deployment";
  for (let again = 0; again < 2; again++) {
    const failed = await run("up", rack());
    expect([failed.code, failed.output]).toEqual([
      1,
      expect.stringMatching(/could not deploy it .*raise the machine's generation/),
    ]);
    expect([fake.orders, fake.servers.length, fake.networks]).toEqual([2, 2, []]);
    outputs.push(failed.output);
  }

  // Whichever was ordered first was the stuck one.
  const key = fake.servers.find(({ status }) => status === "failed_deployment")?.hostname.slice("home-".length) ?? "";
  const next = { ...server, hostname: `home-${key}-g2`, generation: 2 };
  const renewed = await run("up", { ...rack(), [key]: next });
  if (renewed.code !== 0) throw new Error(renewed.output);
  const other = key === "cp-1" ? "cp-2" : "cp-1";
  const names = () => fake.servers.map(({ hostname }) => hostname).sort();
  expect([fake.orders, names(), fake.assignments.length]).toEqual([3, [`home-${key}-g2`, `home-${other}`].sort(), 2]);

  // One machine fewer: its place in the network goes with its server, when everything else is done.
  fake.requests.length = 0;
  const fewer = await run("up", { [other]: { ...server, hostname: `home-${other}` } });
  if (fewer.code !== 0) throw new Error(fewer.output);
  expect([names(), fake.assignments.length]).toEqual([[`home-${other}`], 1]);
  const deletes = fake.requests.filter((each) => each.startsWith("DELETE"));
  expect(deletes).toEqual([
    expect.stringMatching(/^DELETE \/virtual_networks\/assignments\//),
    expect.stringMatching(/^DELETE \/servers\//),
  ]);
  expect((await run("destroy", {})).code).toBe(0);
  expect([fake.servers, fake.networks, fake.assignments]).toEqual([[], [], []]);
  expect(outputs.join("") + project.stateText()).not.toContain(TOKEN);
});
