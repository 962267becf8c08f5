import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditFile, fileAudit } from "../../provider/audit";

const folder = mkdtempSync(join(tmpdir(), "plinth-audit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the audit log is where the operator says, else in the user's state folder", () => {
  expect(auditFile({ PLINTH_AUDIT_LOG: "/var/log/plinth.jsonl" })).toBe("/var/log/plinth.jsonl");
  expect(auditFile({ PLINTH_STATE_DIR: "/s" })).toBe("/s/audit.jsonl");
  expect(auditFile({ XDG_STATE_HOME: "/x" })).toBe("/x/plinth/audit.jsonl");
});

test("each act is one line, appended, without secrets, readable by its owner alone", async () => {
  const file = join(folder, "deep", "audit.jsonl");
  const audit = fileAudit(file, "urn:x", (text) => text.replaceAll("topsecret", "[secret]"));
  await Promise.all(
    Array.from({ length: 20 }, (_, place) =>
      audit({ act: "reset", target: `demo/w-${place}`, detail: "wipe, with topsecret" }),
    ),
  );
  const lines = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(20);
  expect(lines[0]).toMatchObject({ act: "reset", detail: "wipe, with [secret]", resource: "urn:x", pid: process.pid });
  expect(new Set(lines.map(({ target }) => target)).size).toBe(20);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("an act that cannot be recorded is an error, so that it is not done", async () => {
  const audit = fileAudit(join(folder, "deep"), "urn:x", (text) => text);
  await expect(audit({ act: "reset", target: "x", detail: "y" })).rejects.toThrow(/EISDIR/);
});
