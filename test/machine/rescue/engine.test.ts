/** Talos from a rescue system under the real engine, over a real SSH connection, onto a file that stands for the disk. */
import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import { recoverStack } from "../../../cli/commands/recover";
import { ensureTools } from "../../../lab/build/tools";
import { installPlugins } from "../../../lab/engine/plugins";
import { Ticker } from "../../../lab/ticker";
import { engineBinary, Project, Running, until } from "../../support/engine";
import { ImageServer, RescueMachine, smallImage } from "./machine";
import { RescueSsh } from "./sshd";

jest.setTimeout(300_000);

const raw = smallImage();
const ticker = new Ticker();
let project: Project;
let machine: RescueMachine;
let ssh: RescueSsh;
let images: ImageServer;
let port: number;
let url: string;

beforeAll(async () => {
  project = new Project(await engineBinary());
  const { version } = require("@pulumi/command/package.json");
  const tools = await ensureTools(ticker);
  installPlugins(project.env.PULUMI_HOME ?? "", tools, process.env, [{ name: "command", version }]);
  machine = new RescueMachine([{ name: "sda", serial: "S1" }]);
  ssh = new RescueSsh(machine);
  images = new ImageServer(execFileSync("zstd", ["--stdout", "--quiet"], { input: raw, maxBuffer: 2 ** 26 }));
  port = await ssh.listen();
  url = await images.listen();
});
afterAll(async () => {
  await Promise.all([ssh.close(), images.close()]);
  ticker.close();
  project.remove();
  await machine.remove();
});

function start(operation: string, install: object = {}): Running {
  const connection = { host: "127.0.0.1", port, user: "root", privateKey: ssh.privateKey };
  const job = {
    operation,
    dir: project.dir,
    env: project.env,
    connection,
    install: { url, disk: { serial: "S1" }, machine: "101", ...install },
  };
  const host = spawn(process.execPath, [path.join(__dirname, "fixture", "host.cjs"), JSON.stringify(job)], {
    env: { ...process.env, ...project.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Running(host);
}

test("is written once: a run that was killed is made good, another image changes nothing, and the key is nowhere", async () => {
  // The engine dies while the image is on its way.
  images.hangs = true;
  const killed = start("up");
  await until("a download that hangs", 120, () => images.ranges.length > 0);
  process.kill(killed.engine, "SIGKILL");
  killed.host.kill("SIGKILL");
  await killed.ended;
  await until("the end of the command", 60, () => ssh.commands === 0);
  expect(machine.bytes("sda").every((byte) => byte === 0xa5)).toBe(true);
  images.hangs = false;
  recoverStack({ backend: project.backend, project: "test", stack: "test" });

  const up = await start("up").ended;
  if (up.result === undefined) throw new Error(up.output);
  expect(up.result).toMatchObject({ create: expect.any(Number) });
  expect(machine.bytes("sda").subarray(0, raw.length).equals(raw)).toBe(true);
  expect(await machine.restarts(1)).toBe(1);

  const asked = images.ranges.length;
  const other = { url: url.replace("metal", "other") };
  const preview = await start("preview", other).ended;
  expect(Object.keys(preview.result ?? {})).toEqual(["same"]);
  const again = await start("up", other).ended;
  expect(Object.keys(again.result ?? {})).toEqual(["same"]);
  expect([images.ranges.length, await machine.restarts(1)]).toEqual([asked, 1]);

  // One that the vendor made anew under the same key is empty: it is written like the first.
  const lost = await start("up", { machine: "102" }).ended;
  if (lost.result === undefined) throw new Error(lost.output);
  expect(lost.result).toMatchObject({ replace: 1 });
  expect(await machine.restarts(2)).toBe(2);

  // The same machine under a higher generation is another one: its configured disk may be written.
  machine.label("sda", "STATE");
  const next = await start("up", { machine: "102", generation: 2 }).ended;
  expect(next.result).toMatchObject({ create: 1, delete: 1 });
  expect(machine.bytes("sda").subarray(0, raw.length).equals(raw)).toBe(true);

  const secret = ssh.privateKey.split("\n")[2] ?? "";
  expect(secret.length).toBeGreaterThan(20);
  const said = [killed.output, up.output, preview.output, again.output, next.output].join("");
  expect(said + project.stateText()).not.toContain(secret);
});

test("is refused for a disk that carries Talos with a configuration, and the update says why", async () => {
  machine.label("sda", "STATE");
  const { result, output } = await start("up", { generation: 1 }).ended;
  expect(result).toBeUndefined();
  expect(output).toContain("carries Talos with a configuration: raise the machine's generation");
});
