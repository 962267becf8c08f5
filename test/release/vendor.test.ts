/** What the vendor's commands leave behind: who signed what, and keys that nobody made by mistake. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { registerRelease } from "../../cli/commands/release";
import { publicKeys, retireKey } from "../../cli/licence/keys";
import { readLog } from "../../cli/licence/log";
import { ROLES, sha256 } from "../../cli/release/metadata";
import { roleFolder } from "../../cli/release/repository";
import { keyId } from "../../components/licensing/keys";
import { newWorld, type World } from "./world";

jest.setTimeout(120_000);

async function plinth(...words: string[]): Promise<void> {
  const program = new Command();
  registerRelease(program);
  await program.parseAsync(["release", ...words], { from: "user" });
}

afterEach(() => jest.restoreAllMocks());

test("keys makes one key a role, records it, makes what is missing, and no second one", async () => {
  const vendor = path.join(mkdtempSync(path.join(tmpdir(), "plinth-keys-")), "vendor");
  jest.spyOn(console, "log").mockImplementation(() => undefined);
  const { generateX25519Identity, identityToRecipient } = await import("age-encryption");
  const words = ["keys", "--vendor", vendor, "--recipient", await identityToRecipient(await generateX25519Identity())];
  const ids = () => ROLES.map((role) => publicKeys(roleFolder(vendor, role)).map(({ x }) => keyId(x)));
  try {
    await plinth(...words);
    const made = ids();
    expect(made.map((each) => each.length)).toEqual([1, 1, 1, 1]);
    const logged = () =>
      ROLES.map((role) => readLog(roleFolder(vendor, role)).map((entry) => "key" in entry && entry.key));
    expect(logged()).toEqual(made);
    await expect(plinth(...words)).rejects.toThrow(
      /No key was made:\n.*root: has a key .*licence keys new --vendor .*root/,
    );
    expect(ids()).toEqual(made);
    // As a run leaves it that was killed before the last one.
    rmSync(roleFolder(vendor, "timestamp"), { recursive: true });
    await plinth(...words);
    expect(ids().slice(0, 3)).toEqual(made.slice(0, 3));
    expect(ids()[3]).toHaveLength(1);
    expect(logged()).toEqual(ids());
  } finally {
    rmSync(path.dirname(vendor), { recursive: true });
  }
});

describe("a vendor with a repository", () => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld();
  });
  afterEach(() => world.end());

  const log = () => readLog(world.folder).flatMap((entry) => (entry.act === "sign" ? [entry] : []));

  test("everything that is signed is in the log, with the release", async () => {
    await world.sign();
    const [first, second] = log();
    expect(first?.release).toEqual({ channel: "stable", version: "0.2.0" });
    expect(Object.keys(first?.files ?? {}).map((name) => name.replace(/[0-9a-f]{64}/, "…"))).toEqual([
      "metadata/1.root.json",
      "metadata/1.snapshot.json",
      "metadata/1.targets.json",
      "metadata/timestamp.json",
      "targets/stable/….release.json",
    ]);
    const timestamp = sha256(readFileSync(path.join(world.repository, "metadata/timestamp.json")));
    expect(second).toMatchObject({ files: { "metadata/timestamp.json": timestamp } });
    expect(second?.release).toBeUndefined();
  });

  test("what cannot be recorded is not written", async () => {
    const before = world.keep();
    const file = path.join(world.folder, "issued.jsonl");
    writeFileSync(file, readFileSync(file, "utf8").replace("0.2.0", "0.2.1").slice(0, -1));
    await expect(world.sign("0.3.0")).rejects.toThrow(/issued.jsonl/);
    expect(world.keep()).toEqual(before);
  });

  test("two that sign at once write one after the other", async () => {
    await Promise.all([world.sign("0.3.0"), world.sign("0.4.0"), world.sign()]);
    const names = log().flatMap(({ files }) => Object.keys(files).filter((name) => name.endsWith(".targets.json")));
    expect(names.sort()).toEqual(["metadata/1.targets.json", "metadata/2.targets.json", "metadata/3.targets.json"]);
    expect(["0.3.0", "0.4.0"]).toContain((await world.look()).version);
  });

  test("a key that is retired twice stays so from the first moment", () => {
    const folder = roleFolder(world.folder, "targets");
    const [key] = publicKeys(folder);
    for (const year of ["2026", "2030"]) retireKey(folder, keyId(key?.x ?? ""), `${year}-01-01T00:00:00Z`);
    expect(publicKeys(folder)).toEqual([{ x: key?.x, until: "2026-01-01T00:00:00Z" }]);
  });
});
