/** Every step goes through the window and its hooks. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Maintenance, maintenanceSchema } from "../../components/maintenance/spec";
import { guarded, WindowClosed } from "../../provider/maintenance/guard";
import { listen } from "../provider/context";

const folder = mkdtempSync(join(tmpdir(), "plinth-hooks-"));
const log = join(folder, "log");
const facts = { site: "home", node: "cp-1", step: "drain" };
let server: Server;
let url: string;
let answer = 200;
const seen: unknown[] = [];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    seen.push({ ...JSON.parse(text), authorization: request.headers.authorization });
    response.writeHead(answer).end(answer === 200 ? "" : "no silence today");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/silence`;
});
beforeEach(() => {
  writeFileSync(log, "");
  seen.length = 0;
  answer = 200;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const maintenance = (hooks: readonly object[], windows: readonly object[] = []): Maintenance =>
  maintenanceSchema.parse({ hooks, windows });
const note = (when: string, more: object = {}) => ({
  when,
  command: ["sh", "-c", `echo $PLINTH_WHEN $PLINTH_SITE $PLINTH_NODE $PLINTH_STEP "$PLINTH_RESULT" >> ${log}`],
  ...more,
});
const act = async () => writeFileSync(log, `${readFileSync(log, "utf8")}the step\n`);
/** Waits until a process is gone, or dead and only not yet collected. */
async function ended(pid: number): Promise<void> {
  for (let looks = 0; looks < 50; looks++) {
    if (!existsSync(`/proc/${pid}/stat`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`process ${pid} still runs`);
}
const lines = () => readFileSync(log, "utf8").trim().split("\n");

test("hooks run before and after the steps they belong to, and are told of them", async () => {
  const plan = maintenance([note("before"), note("after"), note("before", { steps: ["kubernetes"] })]);
  await guarded(plan, facts, listen().context, act);
  expect(lines()).toEqual(["before home cp-1 drain ", "the step", "after home cp-1 drain done"]);
  await guarded(plan, { ...facts, step: "verify" }, listen().context, act);
  expect(lines()).toHaveLength(4);
});

test("a step outside of its windows is not begun, and no hook runs", async () => {
  const plan = maintenance([note("before")], [{ start: "02:00", duration: "1h", zone: "UTC" }]);
  const noon = () => new Date("2026-07-01T12:00:00Z");
  const begun = guarded(plan, facts, listen().context, act, noon);
  await expect(begun).rejects.toThrow("the next one opens Thu 2026-07-02 02:00 UTC (in 14 h 0 min)");
  await expect(begun).rejects.toBeInstanceOf(WindowClosed);
  expect(lines()).toEqual([""]);
  await guarded(plan, facts, listen().context, act, () => new Date("2026-07-01T02:30:00Z"));
  expect(lines()).toHaveLength(2);
});

test("a failed hook before a step keeps it from being begun, unless the hook may fail", async () => {
  const broken = { when: "before", command: ["sh", "-c", "echo Ceph is not healthy >&2; exit 3"] };
  await expect(guarded(maintenance([broken]), facts, listen().context, act)).rejects.toThrow(
    "the hook before drain failed: sh ended with 3: Ceph is not healthy",
  );
  expect(lines()).toEqual([""]);
  const heard = listen();
  await guarded(maintenance([{ ...broken, onFailure: "continue" }]), facts, heard.context, act);
  expect(lines()).toEqual(["the step"]);
  expect(heard.lines.join()).toContain("Ceph is not healthy");
});

test("what was put up before a step that fails is taken down, and the step's error is the one that is told", async () => {
  const heard = listen();
  const broken = { when: "after", command: [join(folder, "nowhere")] };
  const failing = async () => {
    heard.abort("the update was cancelled");
    throw new Error("a pod does not leave");
  };
  const plan = maintenance([note("before"), note("after"), broken]);
  await expect(guarded(plan, facts, heard.context, failing)).rejects.toThrow("a pod does not leave");
  expect(lines()).toEqual(["before home cp-1 drain ", "after home cp-1 drain failed"]);
  expect(heard.lines.join()).toContain("nowhere");
});

test("a hook that takes too long is ended with all it started", async () => {
  const slow = { when: "before", command: ["sh", "-c", `sleep 60 & echo $! > ${log}; wait`], timeout: "1s" };
  await expect(guarded(maintenance([slow]), facts, listen().context, act)).rejects.toThrow("sh: not done within 1 s");
  await ended(Number(lines()[0]));
});

test("a hook that leaves something running does not wait for it", async () => {
  const leaves = { when: "before", command: ["sh", "-c", `sleep 60 & echo $! > ${log}`] };
  await guarded(maintenance([leaves]), facts, listen().context, async () => undefined);
  await ended(Number(lines()[0]));
});

test("a hook that is cancelled ends at once", async () => {
  const heard = listen();
  setTimeout(() => heard.abort("the update was cancelled"), 200);
  const slow = { when: "before", command: ["sleep", "60"] };
  await expect(guarded(maintenance([slow]), facts, heard.context, act)).rejects.toThrow("cancelled");
});

test("a hook gets neither the engine's secrets nor plinth's", async () => {
  process.env.PULUMI_CONFIG_PASSPHRASE = "secret";
  process.env.PLINTH_BACKUP_PASSPHRASE = "secret";
  const show = { when: "before", command: ["sh", "-c", `env > ${log}`] };
  await guarded(maintenance([show]), facts, listen().context, async () => undefined);
  delete process.env.PULUMI_CONFIG_PASSPHRASE;
  delete process.env.PLINTH_BACKUP_PASSPHRASE;
  expect(readFileSync(log, "utf8")).toContain("PLINTH_NODE=cp-1");
  expect(readFileSync(log, "utf8")).not.toContain("PASSPHRASE");
});

test("a request carries the facts and its token, and any answer but a good one is a failure", async () => {
  process.env.SILENCE_TOKEN = "abc";
  const plan = maintenance([{ when: "before", http: { url, tokenVariable: "SILENCE_TOKEN" } }]);
  await guarded(plan, facts, listen().context, act);
  expect(seen).toEqual([{ ...facts, when: "before", result: "", authorization: "Bearer abc" }]);
  answer = 503;
  await expect(guarded(plan, facts, listen().context, act)).rejects.toThrow("answered 503: no silence today");
  delete process.env.SILENCE_TOKEN;
  await expect(guarded(plan, facts, listen().context, act)).rejects.toThrow("SILENCE_TOKEN is not set");
});
