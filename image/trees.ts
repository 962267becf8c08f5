/** The file trees of the image's two layers: what Node needs to run, and plinth. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../components/discovery";
import { ARCHITECTURES, type Architecture } from "./pins";
import { call, type Sources } from "./sources";

/** Who runs what is in the image, unless the cluster says somebody else. */
export const NOBODY = 65532;

/** Where the command line is in the image. */
export const COMMAND = ["/usr/bin/node", "/plinth/dist/cli/main.js"];

/** Files by which a C library knows users and hosts. */
const NAMES = {
  passwd: `root:x:0:0:root:/:/usr/bin/nologin\nnobody:x:${NOBODY}:${NOBODY}:nobody:/:/usr/bin/nologin\n`,
  group: `root:x:0:\nnobody:x:${NOBODY}:\n`,
  "nsswitch.conf": "hosts: files dns\n",
};

/** Node's program, the shared libraries it needs, and whose work they are: no shell, no package manager. */
export function baseTree(tree: string, { node, debian }: Sources, architecture: Architecture): void {
  const { folder } = ARCHITECTURES[architecture];
  for (const file of debian.values()) call("dpkg-deb", ["--extract", file, tree], tree);
  // Converters, profilers, and what is for a package manager or a debugger: nothing of it is ever loaded here.
  for (const unused of [`usr/lib/${folder}/gconv`, `usr/lib/${folder}/audit`, "usr/share/gcc", "usr/share/gdb"])
    rmSync(join(tree, unused), { recursive: true, force: true });
  rmSync(join(tree, "usr/share/lintian"), { recursive: true, force: true });
  for (const [name, text] of Object.entries(NAMES)) write(tree, `etc/${name}`, text);
  const unpacked = mkdtempSync(`${tree}-`);
  call("tar", ["-xzf", node, "--strip-components=1", "package/bin/node", "package/LICENSE"], unpacked);
  copy(join(unpacked, "bin/node"), join(tree, "usr/bin"), "node");
  copy(join(unpacked, "LICENSE"), join(tree, "usr/share/doc/node"), "copyright");
}

/** plinth as npm packs it, with the packages of the lock file that are not for development. */
export function plinthTree(tree: string, checkout = packageRoot): void {
  const packed = mkdtempSync(`${tree}-`);
  call("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", packed], checkout);
  const [file = ""] = readdirSync(packed);
  const home = join(tree, "plinth");
  mkdirSync(home, { recursive: true });
  call("tar", ["-xzf", join(packed, file), "-C", home, "--strip-components=1"], packed);
  // For who compiles against them, which nobody does here; and the compiler writes them in an order of its own.
  for (const name of readdirSync(join(home, "dist"), { encoding: "utf8", recursive: true }))
    if (/\.d\.ts(\.map)?$/.test(name)) rmSync(join(home, "dist", name));
  cpSync(join(checkout, "package-lock.json"), join(home, "package-lock.json"));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  call("npm", ["ci", "--omit=dev", ...quiet], home);
  // npm's own notes of the installation.
  for (const note of ["package-lock.json", "node_modules/.package-lock.json"]) rmSync(join(home, note));
}

function copy(from: string, folder: string, name: string): void {
  mkdirSync(folder, { recursive: true });
  cpSync(from, join(folder, name));
}

function write(tree: string, path: string, text: string): void {
  mkdirSync(join(tree, path, ".."), { recursive: true });
  writeFileSync(join(tree, path), text);
}
