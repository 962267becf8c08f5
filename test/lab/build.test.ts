import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../components/discovery";
import { compile, isComplete } from "../../lab/build/compile";
import { findGo } from "../../lab/build/go";
import { cacheKey } from "../../lab/build/key";
import { type Recipe, recipes, requirements } from "../../lab/build/recipes";
import { Ticker } from "../../lab/ticker";

let scratch: string;
const said: string[] = [];
const ticker = new Ticker({ isTTY: false, write: (text: string) => said.push(text) } as unknown as NodeJS.WriteStream);

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "plinth-build-"));
  said.length = 0;
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));
afterAll(() => ticker.close());

const recipe: Recipe = {
  name: "hello",
  folder: "unused",
  binaries: { hello: "example.org/hello/v2", other: "example.org/hello/v2/cmd/other" },
  stamps: () => ({ "main.version": "v2.0.1" }),
  ownSources: true,
  spaceGiB: 0.1,
};

/** A Go module with two programs; the first lies at a path that ends with a major version. */
function goModule(main = `package main\n\nvar version = "none"\n\nfunc main() { println(version) }\n`): string {
  const folder = join(scratch, "module");
  mkdirSync(join(folder, "cmd", "other"), { recursive: true });
  writeFileSync(join(folder, "go.mod"), "module example.org/hello/v2\n\ngo 1.26.0\n");
  writeFileSync(join(folder, "go.sum"), "");
  writeFileSync(join(folder, "main.go"), main);
  writeFileSync(join(folder, "cmd", "other", "main.go"), "package main\n\nfunc main() {}\n");
  return folder;
}

describe("building tools", () => {
  const home = () => join(scratch, "tools");
  const target = () => join(home(), "key");

  beforeEach(() => mkdirSync(home()));

  it("makes every binary under its own name, stamped with its version, and leaves nothing else", async () => {
    await compile(recipe, goModule(), target(), findGo(), ticker);
    expect(isComplete(recipe, target())).toBe(true);
    expect(readdirSync(home())).toEqual(["key"]);
    expect(readdirSync(target()).sort()).toEqual(["hello", "manifest.json", "other"]);
    expect(execFileSync(join(target(), "hello"), { stdio: ["ignore", "ignore", "pipe"] })).toBeDefined();
    expect(readFileSync(join(target(), "hello"), "latin1")).toContain("v2.0.1");
    expect(said.at(-1)).toMatch(/^hello: built in \d+ s\n$/);
  });

  it("compiles a required module with one of its files replaced, and leaves the module as it is", async () => {
    const module = goModule(`package main\n\nimport "example.org/dep"\n\nfunc main() { println(dep.Text()) }\n`);
    const dep = join(module, "dep");
    mkdirSync(dep);
    writeFileSync(join(dep, "go.mod"), "module example.org/dep\n\ngo 1.26.0\n");
    writeFileSync(join(dep, "text.go"), "package dep\n\nfunc Text() string { return other.Missing }\n");
    mkdirSync(join(module, "patch"));
    writeFileSync(join(module, "patch", "text.go"), 'package dep\n\nfunc Text() string { return "patched text" }\n');
    appendFileSync(join(module, "go.mod"), "\nrequire example.org/dep v1.0.0\n\nreplace example.org/dep => ./dep\n");
    const patch = { module: "example.org/dep", file: "text.go", by: "patch/text.go" };
    await compile({ ...recipe, patch }, module, target(), findGo(), ticker);
    expect(readFileSync(join(target(), "hello"), "latin1")).toContain("patched text");
    expect(readFileSync(join(dep, "text.go"), "utf8")).toContain("Missing");
    expect(readdirSync(home())).toEqual(["key"]);
  });

  it("knows a half-built folder and builds it again", async () => {
    const module = goModule();
    await compile(recipe, module, target(), findGo(), ticker);
    truncateSync(join(target(), "hello"), 1000);
    expect(isComplete(recipe, target())).toBe(false);
    mkdirSync(join(home(), ".building", "bin"), { recursive: true });
    await compile(recipe, module, target(), findGo(), ticker);
    expect(isComplete(recipe, target())).toBe(true);
    expect(readdirSync(home())).toEqual(["key"]);
  });

  it("says why a build failed and what to do, and leaves no wreck", async () => {
    const broken = goModule("package main\n\nfunc main() { undefinedName() }\n");
    await expect(compile(recipe, broken, target(), findGo(), ticker)).rejects.toThrow(
      /undefined: undefinedName[\s\S]*hello: go could not build it \(run the same command again/,
    );
    expect(readdirSync(home())).toEqual([]);
  });

  it("refuses beforehand when the disk is too full", async () => {
    const greedy = { ...recipe, spaceGiB: 1e9 };
    await expect(compile(greedy, goModule(), target(), findGo(), ticker)).rejects.toThrow(
      /too full to build[\s\S]*GiB are free[\s\S]*PLINTH_CACHE/,
    );
    expect(existsSync(target())).toBe(false);
  });

  it("that runs out of disk on the way says so, and leaves no wreck", async () => {
    const fake = join(scratch, "fake");
    mkdirSync(fake);
    const script = `case $1 in list) echo example.org/hello/v2;; *) echo "$GOTMPDIR/x.a: no space left on device" >&2; exit 1;; esac`;
    writeFileSync(join(fake, "go"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const go = findGo();
    const path = process.env.PATH;
    process.env.PATH = `${fake}:${path}`;
    try {
      await expect(compile(recipe, goModule(), target(), go, ticker)).rejects.toThrow(
        /no space left on device[\s\S]*hello: go could not build it \(the disk is full: make room and run the same command/,
      );
    } finally {
      process.env.PATH = path;
    }
    expect(readdirSync(home())).toEqual([]);
  });

  it("stops at once when it is told to, and leaves no wreck", async () => {
    const controller = new AbortController();
    const building = compile(recipe, goModule(), target(), findGo(), ticker, controller.signal);
    setTimeout(() => controller.abort(), 30);
    await expect(building).rejects.toMatchObject({ name: "AbortError" });
    expect(readdirSync(home())).toEqual([]);
  });
});

describe("the cache key", () => {
  it("changes with the pins, the sources and the Go release, and with nothing else", () => {
    const folder = goModule();
    const key = cacheKey(recipe, folder, "go1.26.8");
    expect(key).toMatch(/^[0-9a-f]{16}$/);
    expect(cacheKey(recipe, folder, "go1.26.9")).not.toBe(key);
    writeFileSync(join(folder, "main_test.go"), "package main\n");
    mkdirSync(join(folder, "testdata"));
    writeFileSync(join(folder, "testdata", "x"), "x");
    expect(cacheKey(recipe, folder, "go1.26.8")).toBe(key);
    appendFileSync(join(folder, "main.go"), "// changed\n");
    expect(cacheKey(recipe, folder, "go1.26.8")).not.toBe(key);
  });

  it("of a pinned tool is its go.mod and go.sum alone", () => {
    const folder = goModule();
    const pinned = { ...recipe, ownSources: false };
    const key = cacheKey(pinned, folder, "go1.26.8");
    appendFileSync(join(folder, "main.go"), "// changed\n");
    expect(cacheKey(pinned, folder, "go1.26.8")).toBe(key);
    appendFileSync(join(folder, "go.sum"), "x v1.0.0 h1:x\n");
    expect(cacheKey(pinned, folder, "go1.26.8")).not.toBe(key);
  });
});

describe("the recipes", () => {
  it.each(Object.values(recipes) as Recipe[])("$name stamps versions that its go.mod pins", (known) => {
    const pinned = requirements(readFileSync(join(packageRoot, known.folder, "go.mod"), "utf8"));
    for (const value of Object.values(known.stamps(pinned))) expect(value).toMatch(/\S/);
    expect(pinned.size).toBeGreaterThan(10);
  });
});
