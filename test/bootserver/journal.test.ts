import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { Journal, type Storage } from "../../bootserver/journal";
import { Ledger } from "../../bootserver/ledger";
import { permission } from "../boot/support";
import { freshFolder, removeFolders } from "./support";

afterAll(removeFolders);

const all = (entries: readonly unknown[]) => entries;
const fresh = () => path.join(freshFolder(), "journal");

test("cut off at any byte, it keeps every whole entry and goes on from there", async () => {
  const file = fresh();
  const { journal } = await Journal.open(file, all);
  const entries = Array.from({ length: 6 }, (_, index) => ({ index, text: "é\n☃" }));
  for (const entry of entries) await journal.append(entry);
  await journal.close();
  const whole = readFileSync(file);
  const ends = [...whole.entries()].flatMap(([at, byte]) => (byte === 10 ? [at + 1] : []));
  for (let length = 0; length <= whole.length; length++) {
    writeFileSync(file, whole);
    truncateSync(file, length);
    const opened = await Journal.open(file, all);
    const kept = ends.filter((end) => end <= length).length;
    expect([length, opened.entries]).toEqual([length, entries.slice(0, kept)]);
    expect(opened.damaged).toBe(length !== 0 && !ends.includes(length));
    await opened.journal.append({ after: length });
    await opened.journal.close();
    const again = await Journal.open(file, all);
    expect(again.entries).toEqual([...entries.slice(0, kept), { after: length }]);
    expect(again.damaged).toBe(false);
    await again.journal.close();
  }
});

/** A disk that holds what was synchronised, and fails when told to. */
class Disk implements Storage {
  written = Buffer.alloc(0);
  durable = Buffer.alloc(0);
  calls = 0;
  fails: ReadonlySet<number> = new Set();

  async write(data: Buffer) {
    // A full disk takes a part.
    const part = this.failsNow() ? data.subarray(0, data.length >> 1) : data;
    this.written = Buffer.concat([this.written, part]);
    if (part !== data) throw new Error("ENOSPC");
  }
  async datasync() {
    if (this.failsNow()) throw new Error("EIO");
    this.durable = this.written;
  }
  async truncate(length: number) {
    if (this.failsNow()) throw new Error("EIO");
    this.written = this.written.subarray(0, length);
  }
  async close() {}
  private failsNow(): boolean {
    return this.fails.has(this.calls++);
  }
}

test("what was acknowledged is on the disk, whichever call fails; what was not is never in front of it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(40)), fc.integer({ min: 1, max: 20 }), async (fails, count) => {
      const disk = new Disk();
      disk.fails = new Set(fails);
      const journal = new Journal(disk, 0);
      const acknowledged: number[] = [];
      for (let entry = 0; entry < count; entry++) {
        const some = [journal.append({ entry }), journal.append({ entry: entry + 100 })];
        for (const [index, stored] of (await Promise.allSettled(some)).entries()) {
          if (stored.status === "fulfilled") acknowledged.push(entry + index * 100);
        }
      }
      const file = fresh();
      writeFileSync(file, disk.durable);
      const { entries, journal: reopened } = await Journal.open(file, all);
      await reopened.close();
      expect((entries as { entry: number }[]).map(({ entry }) => entry)).toEqual(acknowledged);
    }),
    { numRuns: 200 },
  );
}, 30_000);

test("a thousand at once are a few writes", async () => {
  const disk = new Disk();
  const journal = new Journal(disk, 0);
  await Promise.all(Array.from({ length: 1000 }, (_, entry) => journal.append({ entry })));
  expect(disk.calls).toBeLessThan(10);
});

test("a ledger starts with as little as says the same, and a damaged one trusts no wipe", async () => {
  const file = fresh();
  const first = await Ledger.open(file, () => undefined);
  const wipe = permission({ mac: "52:54:00:00:00:02", action: "wipe" });
  await first.record({ kind: "granted", permission: permission() });
  for (let ask = 0; ask < 99; ask++) await first.record({ kind: "asked", mac: permission().mac });
  await first.record({ kind: "granted", permission: wipe });
  const before = first.all();
  await first.close();
  const second = await Ledger.open(file, () => undefined);
  expect(second.all()).toEqual(before);
  expect(readFileSync(file, "utf8").split("\n")).toHaveLength(4);
  await second.close();
  writeFileSync(file, `${readFileSync(file, "utf8")}0badc0de {"kind":"ended"`);
  const warnings: string[] = [];
  const third = await Ledger.open(file, (sentence) => warnings.push(sentence));
  expect(warnings).toEqual([expect.stringContaining("open wipes are taken back")]);
  expect(third.get(wipe.mac)).toMatchObject({ phase: "ended", end: "revoked" });
  expect(third.get(permission().mac)).toMatchObject({ phase: "leased" });
  await third.close();
});
