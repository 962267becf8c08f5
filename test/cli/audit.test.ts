import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseAudit } from "../../cli/commands/audit";
import { fileAudit } from "../../provider/audit";
import { ROOT } from "../support/site";

const folder = mkdtempSync(path.join(tmpdir(), "plinth-audit-"));
const log = path.join(folder, "audit.jsonl");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plinth(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, PLINTH_AUDIT_LOG: log };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(ROOT, "dist/cli/main.js"), "audit", ...args],
      { env },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

beforeAll(async () => {
  const audit = fileAudit(log, "urn:pulumi:lab::plinth::plinth:talos:ClusterRelease::site-release", (text) => text);
  await audit({ act: "upgrade", target: "home/cp-1", detail: "from v1.13.0 to v1.13.9" });
  await audit({ act: "wipe", target: "home/worker-2", detail: "the disk was emptied" });
});

test("what the provider wrote down is shown, one line an act", async () => {
  const { code, stdout } = await plinth();
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^\S+Z {2}\S+@\S+ +upgrade +home\/cp-1: from v1\.13\.0 to v1\.13\.9\n\S+Z .* wipe +home\/worker-2: /,
  );
});

test("acts are found by what, to what and when", async () => {
  const acts = async (...args: string[]) =>
    JSON.parse((await plinth("--format", "json", ...args)).stdout).map(({ act }: { act: string }) => act);
  expect(await acts("--act", "wipe")).toEqual(["wipe"]);
  expect(await acts("--target", "cp-1")).toEqual(["upgrade"]);
  expect(await acts("--since", "2020-01-01")).toEqual(["upgrade", "wipe"]);
  expect((await plinth("--since", "2999-01-01")).stdout).toBe("No such act was recorded.\n");
  const wrong = await plinth("--since", "yesterday");
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('"yesterday" is not a time')]);
});

test("a damaged line is named, and hides no other", async () => {
  appendFileSync(log, '{"time":"2026-11-2');
  const { code, stdout, stderr } = await plinth();
  expect(code).toBe(1);
  expect(stdout.trim().split("\n")).toHaveLength(2);
  expect(stderr).toMatch(/line 3: it is no record of an act/);
  expect(parseAudit("\n\n")).toEqual({ lines: [], broken: [] });
});
