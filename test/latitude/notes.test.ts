import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileNotes } from "../../provider/latitude/notes";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-notes-"));
  process.env.PLINTH_STATE_DIR = folder;
});
afterEach(() => {
  delete process.env.PLINTH_STATE_DIR;
  rmSync(folder, { recursive: true, force: true });
});

test("an order is noted for this user alone, told back, and forgotten", async () => {
  const notes = fileNotes();
  expect(await notes.read("home/home-cp-1")).toBeUndefined();
  await notes.write("home/home-cp-1", { at: 5 });
  await notes.write("home/home-cp-1", { at: 5, id: "sv_1" });
  expect(await notes.read("home/home-cp-1")).toEqual({ at: 5, id: "sv_1" });
  expect(await notes.read("home/home-cp-2")).toBeUndefined();
  const [file = ""] = readdirSync(path.join(folder, "latitude"));
  expect(statSync(path.join(folder, "latitude", file)).mode & 0o077).toBe(0);
  await notes.forget("home/home-cp-1");
  await notes.forget("home/home-cp-1");
  expect(readdirSync(path.join(folder, "latitude"))).toEqual([]);
});

test("a note that was cut off counts as none", async () => {
  const notes = fileNotes();
  await notes.write("home/home-cp-1", { at: 5, id: "sv_1" });
  const [file = ""] = readdirSync(path.join(folder, "latitude"));
  writeFileSync(path.join(folder, "latitude", file), '{"at": 5');
  expect(await notes.read("home/home-cp-1")).toBeUndefined();
});
