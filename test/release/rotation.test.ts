/** What the vendor's keys are opened for, and how each of them gives way to another. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Metadata, MetadataKind } from "@tufjs/models";
import { signingKeys } from "../../cli/licence/keys";
import { ROLES, type Role, signedBytes } from "../../cli/release/metadata";
import { roleFolder } from "../../cli/release/repository";
import { newWorld, type World } from "./world";

jest.setTimeout(120_000);

let world: World;
beforeEach(async () => {
  world = await newWorld();
});
afterEach(() => world.end());

const at = (name: string) => path.join(world.repository, "metadata", name);
const day = (days: number) => new Date(Date.now() + days * 86_400_000);
const read = (name: string) => JSON.parse(readFileSync(at(name), "utf8"));
const names = () => readdirSync(at("")).sort();

/** Puts the private halves of roles where this computer has them not, or back. */
function safe(roles: readonly Role[], way: "away" | "back" = "away"): void {
  for (const role of roles) {
    const folder = roleFolder(world.folder, role);
    const [from, to] = way === "away" ? [".age", ".safe"] : [".safe", ".age"];
    for (const name of readdirSync(folder).filter((each) => each.endsWith(from)))
      renameSync(path.join(folder, name), path.join(folder, name.replace(from, to)));
  }
}

test("a refresh opens the key of timestamp alone, and a release not that of root", async () => {
  const before = names();
  safe(["root", "targets", "snapshot"]);
  expect(await world.sign(undefined, day(20))).toEqual([]);
  expect(names()).toEqual(before);
  expect(read("timestamp.json").signed.version).toBe(2);
  expect((await world.look()).version).toBe("0.2.0");
  await expect(world.sign("0.3.0")).rejects.toThrow(/Nothing was signed:\n.*targets.*is missing/);
  expect(names()).toEqual(before);
  expect(read("timestamp.json").signed.version).toBe(2);
  safe(["targets", "snapshot"], "back");
  await world.sign("0.3.0");
  expect((await world.look()).version).toBe("0.3.0");
});

test("what is half-way to its end is signed anew, and told while its key is away and there is time", async () => {
  safe(["root", "targets"]);
  const [waits, ...more] = await world.sign(undefined, day(100));
  expect(waits).toMatch(/^targets is good until \d{4}-.*Z; sign with its key before\n/);
  expect(more).toEqual([]);
  expect(names()).toEqual(["1.root.json", "1.snapshot.json", "1.targets.json", "2.snapshot.json", "timestamp.json"]);
  await expect(world.sign(undefined, day(160))).rejects.toThrow(/Nothing was signed:\n.*targets.*is missing/);
  safe(["targets"], "back");
  expect(await world.sign(undefined, day(160))).toEqual([]);
  expect(names()).toContain("2.targets.json");
  expect((await world.look()).version).toBe("0.2.0");
  expect(await world.sign(undefined, day(200))).toEqual([expect.stringMatching(/^root is good until/)]);
  safe(["root"], "back");
  await world.sign(undefined, day(200));
  expect(names()).toContain("2.root.json");
  expect((await world.look()).version).toBe("0.2.0");
});

test.each(ROLES.flatMap((role) => [[role, "at once"] as const, [role, "side by side"] as const]))(
  "the key of %s gives way to another, %s",
  async (role, how) => {
    await world.look();
    const [old] = await signingKeys(roleFolder(world.folder, role), world.seal);
    await world.replaceKey(role, how === "at once" ? undefined : () => world.sign());
    // A release is not needed for it, and what was released stays.
    expect((await world.look()).version).toBe("0.2.0");
    await world.sign("0.3.0");
    expect((await world.look()).version).toBe("0.3.0");
    // The old one signs nothing any more that counts.
    const newest = (kind: Role) => read(names().findLast((name) => name.endsWith(`${kind}.json`)) ?? "");
    const forged = Metadata.fromJSON(role as MetadataKind.Targets, { ...newest(role), signatures: [] });
    await signedBytes(forged, old ? [old] : []);
    const root = Metadata.fromJSON(MetadataKind.Root, newest("root"));
    expect(() => root.verifyDelegate(role, forged)).toThrow(`${role} was signed by 0/1 keys`);
  },
);

test("nothing is signed over what somebody else wrote, or what is not whole", async () => {
  const whole = readFileSync(at("1.targets.json"));
  const thief = await newWorld();
  try {
    const json = JSON.parse(whole.toString());
    const targets = Metadata.fromJSON(MetadataKind.Targets, { ...json, signatures: [] });
    const theirs = await signedBytes(targets, await signingKeys(roleFolder(thief.folder, "targets"), thief.seal));
    for (const [content, reason] of [
      [theirs, /is not signed with a key of .*targets \(bring back a copy/],
      [whole.subarray(0, 100), /1.targets.json: it is not JSON/],
      [Buffer.alloc(0), /1.targets.json: it is not JSON/],
      [Buffer.from(whole.toString().replace("stable/", "edge/")), /is not signed with a key of/],
    ] as const) {
      writeFileSync(at("1.targets.json"), content);
      const before = world.keep();
      await expect(world.sign("0.3.0")).rejects.toThrow(reason);
      expect(world.keep()).toEqual(before);
    }
  } finally {
    thief.end();
  }
});

test("a run that was killed between two files is finished by the next one", async () => {
  const old = world.keep();
  await world.sign("0.3.0");
  const files = [...world.keep()].filter(([name]) => !old.has(name));
  for (let written = 0; written <= files.length; written++) {
    world.serve(new Map([...old, ...files.slice(0, written)]));
    await world.sign("0.4.0");
    expect((await world.look()).version).toBe("0.4.0");
  }
});
