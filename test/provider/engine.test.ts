/** The provider's host under the real engine: preview, partial results, secrets, cancel, death, two at once. */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recoverStack } from "../../cli/commands/recover";
import { engineBinary, Project, until } from "../support/engine";

jest.setTimeout(120_000);

const PASSWORD = "hunter22-not-to-be-seen";
let engine: string;
let project: Project;

beforeAll(async () => {
  engine = await engineBinary();
});
beforeEach(() => {
  project = new Project(engine);
});
afterEach(async () => {
  await until("every provider process ends", 10, () => project.plugins.length === 0);
  project.remove();
});

const thing = (more: object = {}) => ({
  name: "a",
  world: project.world("world"),
  steps: ["one", "two"],
  secret: PASSWORD,
  nodes: { "cp-1": { talos: "v1.12.0" }, "cp-2": { talos: "v1.12.0" } },
  ...more,
});
const trace = (): string[] =>
  readFileSync(join(project.world("world"), "trace"), "utf8")
    .trim()
    .split("\n");
const flag = (name: string, set: boolean): void => {
  const file = join(project.world("world"), name);
  if (set) writeFileSync(file, "");
  else rmSync(file);
};

test("a preview knows what can be known, tolerates the rest, and touches nothing", async () => {
  const ended = await project.run("preview", { a: thing(), b: thing({ nameFrom: "a" }) });
  expect(ended.code).toBe(0);
  expect(ended.output).toContain('url  : "https://a"');
  expect(ended.output).toContain("late : [unknown]");
  expect(ended.result).toEqual({ changes: { create: 3 } });
  expect(() => trace()).toThrow(/ENOENT/);
});

test("every problem of an input is printed with its path, and nothing is made", async () => {
  const ended = await project.run("up", { a: thing({ name: "bad" }) });
  expect(ended.code).toBe(1);
  expect(ended.output).toContain("property name value {bad} has a problem: bad is no name (choose another)");
  expect(ended.output).toContain('property nodes["cp-1"].talos');
  expect(ended.output).toContain("v0 is not a version (choose another)");
  expect(() => trace()).toThrow(/ENOENT/);
});

test("a secret that is refused is not printed", async () => {
  const ended = await project.run("preview", { a: thing({ secret: "abc" }) });
  expect(ended.output).toContain("has a problem: password: is too short");
  expect(ended.output).not.toContain("abc");
});

test("a partial result is kept, and the next update goes on where it stopped", async () => {
  flag("fail-two", true);
  const first = await project.run("up", { a: thing() });
  expect(first.code).toBe(1);
  expect(first.output).toContain("* two: two is broken (secret: [secret])");
  expect(project.resource("a")).toMatchObject({ id: "a", initErrors: [expect.stringContaining("two is broken")] });
  flag("fail-two", false);
  const second = await project.run("up", { a: thing() });
  expect(second.code).toBe(0);
  expect(trace()).toEqual(["start one", "done one", "start two", "start two", "done two"]);
  expect(project.resource("a")?.initErrors).toBeUndefined();
});

test("the diff shows the leaves that change, and why a resource is replaced", async () => {
  await project.run("up", { a: thing() });
  const edited = await project.run("preview", {
    a: thing({ nodes: { "cp-1": { talos: "v1.13.0" }, "cp-3": { talos: "v1.12.0" } } }),
  });
  expect(edited.output).toMatch(/~ talos: "v1.12.0" => "v1.13.0"/);
  expect(edited.output).toMatch(/- cp-2:/);
  expect(edited.output).toMatch(/\+ cp-3:/);
  const renamed = await project.run("preview", { a: thing({ name: "z" }) });
  expect(renamed.output).toContain("name replaces it: the name is its identity");
  expect(renamed.result).toMatchObject({ changes: { replace: 1 } });
});

test("secrets are encrypted in the state and masked in every output", async () => {
  const ended = await project.run("up", { a: thing() });
  expect(ended.output.split("RESULT")[0]).not.toContain(PASSWORD);
  expect(ended.output).toContain("built with [secret]");
  expect(project.stateText()).not.toContain(PASSWORD);
  expect(project.stateText()).not.toContain(`t-${PASSWORD}`);
  expect(ended.output).toMatch(/token: \[secret\]/);
});

test("a password that the program forgot to mark is a secret all the same", async () => {
  const { secret: password, ...inputs } = thing();
  await project.run("up", { a: { ...inputs, password } });
  expect(project.stateText()).toContain('"a"');
  expect(project.stateText()).not.toContain(PASSWORD);
});

test("an unreachable world fails the refresh and drops nothing; a world that lost it drops it", async () => {
  await project.run("up", { a: thing() });
  flag("unreachable", true);
  const failed = await project.run("refresh", { a: thing() });
  expect(failed.code).toBe(1);
  expect(failed.output).toContain("the world does not answer");
  expect(project.resource("a")?.id).toBe("a");
  flag("unreachable", false);
  flag("gone", true);
  expect((await project.run("refresh", { a: thing() })).code).toBe(0);
  expect(project.resource("a")).toBeUndefined();
});

test("Ctrl-C ends a wait at once, keeps what was made, leaves no lock, and the next update goes on", async () => {
  flag("slow", true);
  const running = project.start("up", { a: thing() });
  await until("the first step starts", 30, () => running.output.includes("step one"));
  const started = Date.now();
  running.host.kill("SIGINT");
  const ended = await running.ended;
  expect(Date.now() - started).toBeLessThan(10_000);
  expect(ended.output).toContain("one: the update was cancelled");
  expect(project.resource("a")?.initErrors).toEqual(["one: the update was cancelled"]);
  expect(project.locks).toEqual([]);
  flag("slow", false);
  expect((await project.run("up", { a: thing() })).code).toBe(0);
});

test("kill -9 of the engine: no orphan works on, and after recovery the next update does nothing twice", async () => {
  flag("slow", true);
  const running = project.start("up", { a: thing() });
  await until("the first step starts", 30, () => running.output.includes("step one"));
  process.kill(running.engine, "SIGKILL");
  await running.ended;
  await until("the provider ends with its engine", 5, () => project.plugins.length === 0);
  expect(trace()).toEqual(["start one"]);
  expect(project.locks).toHaveLength(1);

  const { done, held } = recoverStack({ backend: project.backend, project: "test", stack: "test" });
  expect(held).toEqual([]);
  expect(done.join("\n")).toMatch(/Removed the lock of [\s\S]*Cleared an interrupted create: plinth:test:Thing a/);
  flag("slow", false);
  const next = await project.run("up", { a: thing() });
  expect(next.code).toBe(0);
  expect(next.output).not.toMatch(/pending operations/);
  expect(trace()).toEqual(["start one", "start one", "done one", "start two", "done two"]);
});

test("an engine that is killed while it writes its state's sidecar file leaves a state that recovery opens again", async () => {
  expect((await project.run("up", { a: thing() })).code).toBe(0);
  const sidecar = join(project.backend, ".pulumi", "stacks", "test", "test.json.attrs");
  writeFileSync(sidecar, "");
  const select = () =>
    spawnSync(engine, ["stack", "select", "test"], {
      cwd: project.dir,
      env: { ...process.env, ...project.env },
      encoding: "utf8",
    });
  expect(select().stderr).toMatch(/failed to load checkpoint: EOF/);

  const { done } = recoverStack({ backend: project.backend, project: "test", stack: "test" });
  expect(done).toEqual(["Removed test.json.attrs, which was only half written: the state beside it is whole."]);
  expect(select().status).toBe(0);
  expect((await project.run("up", { a: thing() })).code).toBe(0);
});

test("two updates of one thing at once: one works, the other says who holds it", async () => {
  flag("slow", true);
  const first = project.start("up", { a: thing() }, { stack: "first" });
  await until("the first step starts", 30, () => first.output.includes("step one"));
  const second = await project.run("up", { a: thing() }, { stack: "second" });
  expect(second.code).toBe(1);
  expect(second.output).toMatch(
    /thing-a is being changed by \S+@\S+ \(pid \d+, since \S+: a test\); wait until it ends/,
  );
  first.host.kill("SIGINT");
  await first.ended;
});

test("a create that takes too long ends with what it has, and says for how long it was allowed to work", async () => {
  flag("slow", true);
  const ended = await project.run("up", { a: thing({ seconds: 2 }) });
  expect(ended.code).toBe(1);
  expect(project.resource("a")?.initErrors).toEqual(["one: not finished within 2 s"]);
});

describe("configuration", () => {
  const netbox = { url: "https://netbox.example", token: "nbt-not-to-be-seen" };

  test("reaches the resources, its secrets unwrapped there and encrypted in the state", async () => {
    const ended = await project.run("up", { a: thing() }, { netbox });
    expect(ended.code).toBe(0);
    expect(project.resource("a")?.outputs).toMatchObject({ late: netbox.url });
    expect(project.stateText()).not.toContain(netbox.token);
  });

  test("may change: a new token updates the provider and replaces nothing", async () => {
    await project.run("up", { a: thing() }, { netbox });
    const ended = await project.run("preview", { a: thing() }, { netbox: { ...netbox, token: "another-token" } });
    expect(ended.result).toEqual({ changes: { same: 2, update: 1 } });
  });

  test("is checked, with its path", async () => {
    const ended = await project.run("preview", { a: thing() }, { netbox: { url: "netbox" } });
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(/property netbox.url value .* has a problem: is not an http or https URL/);
  });
});

test("a destroy deletes what was made", async () => {
  await project.run("up", { a: thing() });
  expect((await project.run("destroy", {})).code).toBe(0);
  expect(project.stateText()).not.toContain("plinth:test:Thing");
});
