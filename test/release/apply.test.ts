import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Command } from "commander";
import fc from "fast-check";
import { parse } from "yaml";
import { registerRelease } from "../../cli/commands/release";
import { withRelease } from "../../components/release/apply";
import { parseManifest } from "../../components/release/manifest";
import { checkSite } from "../../components/site/parse";
import { ROOT } from "../support/site";
import { manifest, newWorld, type World } from "./world";

const TEXT = readFileSync(path.join(ROOT, "stacks/Pulumi.lab.yaml"), "utf8");
const PINS = { pins: { talos: "v1.13.9", kubernetes: "v1.36.4" } };

test("sets the version pins and nothing else: comments, order and every other byte stay", () => {
  const { text, edits } = withRelease(TEXT, "f", PINS);
  expect(edits.map(({ path: at, after }) => [at, after])).toEqual([
    ["talos.version", "v1.13.9"],
    ["kubernetes.version", "v1.36.4"],
  ]);
  const [before, after] = [TEXT.split("\n"), text.split("\n")];
  expect(after).toHaveLength(before.length);
  expect(after.filter((line, place) => line !== before[place]).map((line) => line.trim())).toEqual([
    "version: v1.13.9",
    "version: v1.36.4",
  ]);
  expect(checkSite(parse(text).config["plinth:site"]).problems).toEqual([]);
  expect(withRelease(text, "f", PINS)).toEqual({ text, edits: [] });
});

test("quotes, flow style, line ends and odd comments stay as a person set them", () => {
  const site = (talos: string) =>
    `config:\r\n  plinth:site: # mine\r\n    talos: ${talos} # two\r\n    kubernetes: {version: 'v1.36.3'}\r\n`;
  expect(withRelease(site('{ version: "v1.13.0", extensions: [] }'), "f", PINS).text).toBe(
    site('{ version: "v1.13.9", extensions: [] }').replace("v1.36.3", "v1.36.4"),
  );
});

test("a site that is ahead is not taken back", () => {
  const ahead = TEXT.replace("version: v1.13.0", "version: v1.14.2");
  expect(withRelease(ahead, "f", PINS).edits.map(({ path: at }) => at)).toEqual(["kubernetes.version"]);
});

test.each([
  ["no stack file", "a: 1\n", /talos.version: holds no version/],
  ["no YAML", "a: [\n", /f was not changed:\n {2}- talos.version: .*\n {2}- kubernetes.version: /],
  [
    "an alias",
    TEXT.replace("version: v1.13.0", "version: &v v1.13.0"),
    /talos.version: holds no version that stands there by itself/,
  ],
])("%s is refused with the way", (_, text, reason) => {
  expect(() => withRelease(text, "f", PINS)).toThrow(reason);
});

test("whatever a signed manifest holds, it is a manifest or a list of problems", () => {
  expect(parseManifest(JSON.stringify(manifest()), "m")).toEqual(manifest());
  const bad = { ...manifest(), pins: { talos: "v1.13.9\n  onDestroy: reset" } };
  expect(() => parseManifest(JSON.stringify(bad), "m")).toThrow(/m.pins.talos: is no version as in v1.13.9/);
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(() => parseManifest(text, "m")).toThrow(/The release cannot be read/);
    }),
  );
});

describe("the commands", () => {
  jest.setTimeout(120_000);
  let world: World;
  let said: string[];
  beforeEach(async () => {
    world = await newWorld();
    writeFileSync(path.join(world.folder, "identity"), `${world.seal.identities?.[0]}\n`);
    said = [];
    jest.spyOn(console, "log").mockImplementation((text) => void said.push(String(text)));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    world.end();
  });

  async function plinth(...words: string[]): Promise<string> {
    const program = new Command();
    registerRelease(program);
    await program.parseAsync(["release", ...words], { from: "user" });
    return said.at(-1) ?? "";
  }

  test("a release goes from build to a site file", async () => {
    const file = (name: string) => path.join(world.folder, name);
    writeFileSync(file("notes"), "Talos 1.13.9.\n");
    const built = await plinth(
      "build",
      "--release",
      "0.4.0",
      "--from",
      "0.1.0",
      "--notes",
      file("notes"),
      "--talos",
      "v1.13.9",
    );
    expect(JSON.parse(built).charts.cilium).toMatch(/^\d+\.\d+\.\d+/);
    writeFileSync(file("release.json"), built);
    await plinth(
      "sign",
      file("release.json"),
      "--vendor",
      world.folder,
      "--repository",
      world.repository,
      "--identity",
      file("identity"),
    );
    await plinth("publish", file("stick"), "--repository", world.repository);
    writeFileSync(file("site.yaml"), TEXT);
    const take = ["--from", file("stick"), "--root", file("stick/metadata/1.root.json"), "--memory", file("memory")];
    expect(await plinth("check", file("site.yaml"), ...take)).toBe("talos.version: v1.13.0 → v1.13.9");
    expect(readFileSync(file("site.yaml"), "utf8")).toBe(TEXT);
    await plinth("apply", file("site.yaml"), ...take);
    expect(readFileSync(file("site.yaml"), "utf8")).toBe(TEXT.replace("version: v1.13.0", "version: v1.13.9"));
    expect(await plinth("apply", file("site.yaml"), ...take)).toMatch(/^nothing to change/);
  });

  test("a release that needs a later plinth first is refused with the way", async () => {
    const file = (name: string) => path.join(world.folder, name);
    writeFileSync(file("release.json"), JSON.stringify({ ...manifest("9.1.0"), from: "9.0.0" }));
    await plinth(
      "sign",
      file("release.json"),
      "--vendor",
      world.folder,
      "--repository",
      world.repository,
      "--identity",
      file("identity"),
    );
    writeFileSync(file("site.yaml"), TEXT);
    const take = [
      "--from",
      world.repository,
      "--root",
      `${world.repository}/metadata/1.root.json`,
      "--memory",
      file("memory"),
    ];
    await expect(plinth("apply", file("site.yaml"), ...take)).rejects.toThrow(/update plinth to 9.0.0 first/);
    expect(readFileSync(file("site.yaml"), "utf8")).toBe(TEXT);
  });
});
