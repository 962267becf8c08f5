/** The lines of docs/backup.md, run in a real lab: what was written before the snapshot is back, what came after is gone. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { ensureTools } from "../../lab/build/tools";
import { Instance } from "../../lab/instance/instance";
import { Ticker } from "../../lab/ticker";
import { lab, mustLab, StackFile } from "../support/lab";
import { ROOT } from "../support/site";

jest.setTimeout(600_000);

const NAME = "test-backup";
const instance = new Instance(NAME);
const site = new StackFile();
const folder = mkdtempSync(path.join(tmpdir(), "plinth-backup-"));
const store = path.join(folder, "store");
const key = path.join(folder, "key.txt");
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  await mustLab(NAME, "reset");
  const identity = await generateIdentity();
  writeFileSync(key, `# created by a test\n${identity}\n`);
  const recipient = await identityToRecipient(identity);
  site.edit((file) => Object.assign(file, { backup: { store: { path: store }, recipients: [recipient] } }));
  await mustLab(NAME, "up", "--site", site.path);
  const { talosctl, etcdutl } = await ensureTools(new Ticker());
  const state = path.join(folder, "state");
  env = { ...process.env, PLINTH_TALOSCTL: talosctl?.path, PLINTH_ETCDUTL: etcdutl?.path, PLINTH_STATE_DIR: state };
});
afterAll(async () => {
  await mustLab(NAME, "reset");
  site.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** The command of the guide that begins so, with this lab's files in the place of the guide's. */
function line(beginning: string): string[] {
  const guide = readFileSync(path.join(ROOT, "docs/backup.md"), "utf8");
  const found = guide.match(new RegExp(`\\b${beginning} stacks/[^\`\\n]*`))?.[0].replace(/ takes .*/, "");
  const places = { "stacks/Pulumi.home.yaml": instance.stackFile, talosconfig: instance.talosconfig, "key.txt": key };
  return (found ?? "").split(" ").map((word) => places[word as keyof typeof places] ?? word);
}

async function plinth(words: readonly string[], ...more: readonly string[]): Promise<string> {
  const args = [path.join(ROOT, "dist/cli/main.js"), ...words.slice(1), ...more];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 500_000 });
  return stdout;
}

test("objects written before the snapshot are back, objects written after it are gone", async () => {
  await mustLab(NAME, "kubectl", "create", "configmap", "before", "--from-literal=a=b");
  const name = (await plinth(line("plinth etcd snapshot"))).trim();
  await mustLab(NAME, "kubectl", "create", "configmap", "after", "--from-literal=a=b");
  expect(await plinth(line("plinth etcd list"))).toContain(name);

  const restore = line("plinth etcd restore");
  await expect(plinth(restore, "--yes")).rejects.toThrow("etcd runs there");
  await expect(plinth(restore, "--even-if-running")).rejects.toThrow("nobody is there to confirm");
  await mustLab(NAME, "kubectl", "get", "configmap", "after");
  expect(await plinth(restore, "--even-if-running", "--yes")).toMatch(/^Lost: everything written to Kubernetes/m);

  await mustLab(NAME, "kubectl", "get", "configmap", "before");
  const after = await lab(NAME, ["kubectl", "get", "configmap", "after"]);
  expect([after.code, after.stderr]).toEqual([1, expect.stringContaining("NotFound")]);
  const audit = readFileSync(path.join(folder, "state", "audit.jsonl"), "utf8");
  expect(
    audit
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text).act),
  ).toEqual(["snapshot", "wipe", "wipe", "wipe", "restore"]);
  await mustLab(NAME, "preview", "--expect-no-changes");
});

test("a destroy leaves every snapshot where it is", async () => {
  const before = readdirSync(store);
  expect(before).toHaveLength(2);
  await mustLab(NAME, "destroy");
  expect(readdirSync(store)).toEqual(before);
});
