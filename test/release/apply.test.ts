import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { Command } from "commander";
import fc from "fast-check";
import { parse } from "yaml";
import { registerRelease } from "../../cli/commands/release";
import { manifestOf } from "../../cli/release/build";
import { withRelease } from "../../components/release/apply";
import { parseManifest } from "../../components/release/manifest";
import { checkSite } from "../../components/site/parse";
import { version } from "../../package.json";
import { ROOT } from "../support/site";
import { manifest, newWorld, type World } from "./world";

const TEXT = readFileSync(path.join(ROOT, "stacks/Pulumi.lab.yaml"), "utf8");
const DRAFT = { channel: "stable", release: version, from: version, notes: "better" } as const;
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
  let warned: string[];
  beforeEach(async () => {
    world = await newWorld();
    writeFileSync(path.join(world.folder, "identity"), `${world.seal.identities?.[0]}\n`);
    [said, warned] = [[], []];
    jest.spyOn(console, "error").mockImplementation((text) => void warned.push(String(text)));
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
    const built = await plinth("build", "--from", "0.1.0", "--notes", file("notes"), "--talos", "v1.13.9");
    expect(JSON.parse(built).charts.cilium).toMatch(/^\d+\.\d+\.\d+/);
    // What only its version names is told to whoever releases it.
    expect(warned).toEqual([expect.stringMatching(/^charts.* cilium,/), expect.stringMatching(/^images.*:v1/)]);
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
    said.length = 0;
    expect(await plinth("check", file("site.yaml"), ...take)).toBe("talos.version: v1.13.0 → v1.13.9");
    expect(said).toEqual([`stable: ${version}\nTalos 1.13.9.`, "talos.version: v1.13.0 → v1.13.9"]);
    expect(readFileSync(file("site.yaml"), "utf8")).toBe(TEXT);
    await plinth("apply", file("site.yaml"), ...take);
    expect(readFileSync(file("site.yaml"), "utf8")).toBe(TEXT.replace("version: v1.13.0", "version: v1.13.9"));
    expect(await plinth("apply", file("site.yaml"), ...take)).toMatch(/^nothing to change/);
  });

  async function released(change: object): Promise<readonly string[]> {
    const file = (name: string) => path.join(world.folder, name);
    writeFileSync(file("release.json"), JSON.stringify({ ...manifest(), ...change }));
    const place = ["--vendor", world.folder, "--repository", world.repository, "--identity", file("identity")];
    await plinth("sign", file("release.json"), ...place);
    writeFileSync(file("site.yaml"), TEXT);
    const root = path.join(world.repository, "metadata", "1.root.json");
    return [file("site.yaml"), "--from", world.repository, "--root", root, "--memory", file("memory")];
  }

  test.each([
    [{ version: "9.1.0", from: "9.0.0" }, /9.1.0 can be reached from plinth 9.0.0.*update plinth to 9.0.0 first/],
    [{ version: "9.1.0" }, /that of plinth 9.1.0, and this is .*install plinth 9.1.0, and run this again/],
    [{ version }, /the versions.yaml of this plinth .* is not the one that was released \(install it anew/],
  ])("a release of another plinth, %j, is told by check and refused by apply", async (change, reason) => {
    const take = await released(change);
    said = [];
    await plinth("check", ...take);
    expect(said.join("\n")).toMatch(reason);
    await expect(plinth("apply", ...take)).rejects.toThrow(reason);
    expect(readFileSync(take[0] ?? "", "utf8")).toBe(TEXT);
  });

  test("a stack file behind a link stays there, and readable to whom it was", async () => {
    const own = manifestOf({ ...DRAFT, talos: "v1.13.9" });
    const [file = "", ...take] = await released(own);
    const real = path.join(world.folder, "real.yaml");
    renameSync(file, real);
    chmodSync(real, 0o600);
    symlinkSync(real, file);
    // Somebody else's, whatever it is.
    writeFileSync(`${real}.new`, "mine");
    await plinth("apply", file, ...take);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, "utf8")).toContain("version: v1.13.9");
    expect(statSync(real).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${real}.new`, "utf8")).toBe("mine");
    expect(readdirSync(world.folder).filter((name) => name.includes("plinth-new"))).toEqual([]);
  });

  test("check tells the charts and images that a release brings, for who has to fetch them before", async () => {
    const { cilium = "" } = manifestOf({ ...DRAFT, talos: "v1.13.9" }).charts;
    const image = "ghcr.io/new/one:v1";
    const take = await released({ version: "9.1.0", charts: { cilium: "9.9.9", fresh: "1.0.0" }, images: [image] });
    said = [];
    await plinth("check", ...take);
    for (const line of [`chart cilium: ${cilium} → 9.9.9`, "chart fresh: none → 1.0.0", `image ${image}`])
      expect(said).toContain(line);
    expect(said).toContain("chart metallb: no more");
  });

  test.each([
    [{}, /--talos: neither it nor --kubernetes is given/],
    [{ talos: "v1.13.9", release: "9.9.9" }, /--release: this plinth is .*build it with plinth 9.9.9/],
    [{ talos: "v1.13.9", from: "9.9.9" }, /--from: 9.9.9 is later than the release itself/],
    [{ talos: "v1.13.9", from: "1" }, /--from: 1 is no version \(write it as 0.2.0\)/],
    [{ talos: "1.13" }, /release.pins.talos: is no version as in v1.13.9/],
  ])("build refuses %j with the way", (change, reason) => {
    expect(() => manifestOf({ ...DRAFT, ...change })).toThrow(reason);
  });
});
