/** Whatever is served in the place of metadata or a release: a sentence with a reason, and what was there goes on. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Metadata, MetadataKind } from "@tufjs/models";
import { signingKeys } from "../../cli/licence/keys";
import { signedBytes } from "../../cli/release/metadata";
import { roleFolder } from "../../cli/release/repository";
import { canonicalJson } from "../../components/licensing/canonical";
import { ProblemError } from "../../components/problem";
import { newWorld, type World } from "./world";

jest.setTimeout(120_000);

let world: World;
beforeEach(async () => {
  world = await newWorld();
});
afterEach(() => world.end());

const at = (name: string) => path.join(world.repository, "metadata", name);

const BAD: Readonly<Record<string, (whole: Buffer) => Buffer>> = {
  empty: () => Buffer.alloc(0),
  truncated: (whole) => whole.subarray(0, whole.length - 1),
  "not JSON": () => Buffer.from("<html>log in first</html>"),
  "not an object": () => Buffer.from("null"),
  "no UTF-8": (whole) => Buffer.concat([whole.subarray(0, 20), Buffer.from([0xff, 0xfe]), whole.subarray(20)]),
  huge: (whole) => Buffer.concat([whole, Buffer.alloc(8_000_000, " ")]),
  "deeply nested": () => Buffer.from("[".repeat(20_000) + "]".repeat(20_000)),
  "a key that stands twice": (whole) => Buffer.from(whole.toString().replace("{", '{"v":2,"v":1,')),
  "another role's": () => readFileSync(at("timestamp.json")),
  "without signatures": (whole) => changed(whole, (json) => Object.assign(json, { signatures: [] })),
  "signatures of nothing": (whole) => changed(whole, (json) => Object.assign(json, { signatures: [null] })),
  "without content": (whole) =>
    changed(whole, (json) => ["signed", "pins"].map((key) => Reflect.deleteProperty(json, key))),
};

function changed(whole: Buffer, change: (json: Record<string, unknown>) => unknown): Buffer {
  const json = JSON.parse(whole.toString());
  change(json);
  return Buffer.from(canonicalJson(json));
}

test.each(Object.entries(BAD))("metadata and releases that are %s", async (what, bad) => {
  const releases = path.join(world.repository, "targets", "stable");
  const release = path.join(releases, readdirSync(releases)[0] ?? "");
  const whole = world.keep();
  // A next root is looked for, and is no file yet.
  const root = readFileSync(at("1.root.json"));
  for (const file of ["timestamp.json", "1.snapshot.json", "1.targets.json", "2.root.json", release]) {
    const place = path.isAbsolute(file) ? file : at(file);
    if (what === "another role's" && file === "timestamp.json") continue;
    writeFileSync(place, bad(file === "2.root.json" ? root : readFileSync(place)));
    const found = await world.look().then(
      () => "believed",
      (error: unknown) => error,
    );
    expect([file, found]).toEqual([file, expect.any(ProblemError)]);
    expect(String(found)).toMatch(/There is no update:\n {2}- .*: it is not believed: .* \(do not use it/);
    world.serve(whole);
  }
  expect((await world.look()).version).toBe("0.2.0");
});

test.each(["9999999-01-01T00:00:00Z", "soon", "", "2026-13-45T00:00:00Z", 4e12, null])(
  "an end that is no moment, %j, is not one that never comes",
  async (expires) => {
    const json = JSON.parse(readFileSync(at("timestamp.json"), "utf8"));
    const timestamp = Metadata.fromJSON(MetadataKind.Timestamp, { ...json, signatures: [] });
    Object.assign(timestamp.signed, { expires });
    const keys = await signingKeys(roleFolder(world.folder, "timestamp"), world.seal);
    writeFileSync(at("timestamp.json"), await signedBytes(timestamp, keys));
    await expect(world.look()).rejects.toThrow(/not believed: timestamp.json: its expires is no moment/);
  },
);
