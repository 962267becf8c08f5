import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { LeaseHeld, recoverLeases, withFileLease } from "../../provider/lease";
import { startTime } from "../../provider/process";

const directory = mkdtempSync(join(tmpdir(), "plinth-lease-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const hold = { name: "cluster-home", doing: "upgrade" };
const file = join(directory, "cluster-home.lease");
const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
const record = (more: object) =>
  writeFileSync(
    file,
    JSON.stringify({
      id: "other",
      pid: process.ppid,
      boot,
      started: startTime(process.ppid),
      host: hostname(),
      user: "ann",
      since: "2026-01-01T10:00:00Z",
      doing: "a reset",
      ...more,
    }),
  );

afterEach(() => rmSync(file, { force: true }));

test("a second holder is refused with the name of the first, and the lease is free afterwards", async () => {
  await withFileLease(directory, hold, async () => {
    await expect(withFileLease(directory, hold, async () => "both")).rejects.toThrow(
      new RegExp(`cluster-home is being changed by \\S+@${hostname()} \\(pid ${process.pid}, since .*: upgrade\\)`),
    );
  });
  expect(readdirSync(directory)).toEqual([]);
  expect(await withFileLease(directory, hold, async () => "alone")).toBe("alone");
});

test("a lease is let go when the work fails", async () => {
  await expect(
    withFileLease(directory, hold, async () => {
      throw new Error("broken");
    }),
  ).rejects.toThrow("broken");
  expect(readdirSync(directory)).toEqual([]);
});

test("a living holder is respected", async () => {
  record({});
  await expect(withFileLease(directory, hold, async () => "taken")).rejects.toThrow(LeaseHeld);
});

test("another host's holder is respected, nobody can see whether it lives", async () => {
  record({ host: "elsewhere", pid: 2 ** 22 + 1 });
  await expect(withFileLease(directory, hold, async () => "taken")).rejects.toThrow(
    new RegExp(`ann@elsewhere .*; wait until it ends; if elsewhere is gone for good, remove ${file}$`),
  );
});

test.each([
  ["a process that is gone", { pid: 2 ** 22 + 1 }],
  ["a later process with the same number", { started: "1" }],
  ["a boot before this one", { boot: "before" }],
])("the lease of %s is taken over", async (_, more) => {
  record(more);
  expect(await withFileLease(directory, hold, async () => "taken")).toBe("taken");
  expect(readdirSync(directory)).toEqual([]);
});

test("half a record, as a full disk leaves it, is no obstacle", async () => {
  writeFileSync(file, '{"id":');
  expect(await withFileLease(directory, hold, async () => "taken")).toBe("taken");
});

describe("recovering", () => {
  const draft = `${file}.0b6e7a3c-5f0f-4c65-9d5e-1f2d3c4b5a69`;
  afterEach(() => rmSync(draft, { force: true }));

  test("clears a dead process's lease and its half-made one", async () => {
    record({ pid: 2 ** 22 + 1 });
    copyFileSync(file, draft);
    expect(await recoverLeases(directory)).toEqual([
      expect.objectContaining({ name: "cluster-home", file, verdict: "dead", holder: expect.stringMatching(/^ann@/) }),
    ]);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("leaves a living one, another host's and one that is being written, and says whose they are", async () => {
    record({});
    writeFileSync(draft, '{"id":');
    expect(await recoverLeases(directory)).toMatchObject([{ verdict: "alive", host: hostname() }]);
    record({ host: "elsewhere", pid: 2 ** 22 + 1 });
    expect(await recoverLeases(directory)).toMatchObject([
      { verdict: "elsewhere", host: "elsewhere", since: Date.parse("2026-01-01T10:00:00Z") },
    ]);
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test("finds nothing where there is no lease yet", async () => {
    expect(await recoverLeases(join(directory, "nowhere"))).toEqual([]);
  });
});

test("of many that take over one dead lease at the same moment, never two work at once", async () => {
  record({ pid: 2 ** 22 + 1 });
  let working = 0;
  let most = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, () =>
      withFileLease(directory, hold, async () => {
        working++;
        most = Math.max(most, working);
        await new Promise((resolve) => setTimeout(resolve, 5));
        working--;
      }),
    ),
  );
  expect(most).toBe(1);
  expect(results.some(({ status }) => status === "fulfilled")).toBe(true);
});

test("startTime tells processes apart and knows the dead", async () => {
  expect(startTime(process.pid)).toMatch(/^\d+$/);
  const child = spawn("true");
  await new Promise((resolve) => child.on("close", resolve));
  expect(startTime(child.pid ?? 0)).toBeUndefined();
});
