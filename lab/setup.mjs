#!/usr/bin/env node
/**
 * Makes a fresh clone runnable: dependencies as package-lock.json pins them, and `dist/` as the sources are.
 * Plain Node without dependencies, because it runs before there are any. `npm run lab` and `npm test` both come
 * through here; when nothing is missing it costs a few milliseconds.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Pause between two words about what only takes longer: a terminal forgets them, a log keeps them all. */
const beatMs = process.stderr.isTTY ? 2000 : 15_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A sentence for the person at the terminal; printed without a stack trace. */
class Stop extends Error {}

/** Brings dependencies and build up to date. Throws {@link Stop} with the way out. */
export async function setup() {
  requireVersion("Node", process.versions.node, [20, 19], "install it from https://nodejs.org/en/download");
  const release = await lock();
  try {
    await dependencies();
    await build();
  } finally {
    release();
  }
}

/** Runs `main` and turns whatever goes wrong into one sentence and exit code 1. */
export async function orSayWhy(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Stop ? error.message : error);
    process.exitCode = 1;
  }
}

function requireVersion(name, found, [major, minor], wayOut) {
  const [foundMajor, foundMinor] = found.split(".").map(Number);
  if (foundMajor > major || (foundMajor === major && foundMinor >= minor)) return;
  throw new Stop(`${name} ${major}.${minor} or newer is needed, this is ${found} (${wayOut}).`);
}

/** Only before the first installation: later the lab asks for Go itself, if it has anything left to build. */
function requireGo() {
  const wayOut = "install it from https://go.dev/dl and put its bin folder on PATH";
  const go = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  if (go.status !== 0)
    throw new Stop(`Go 1.26 or newer is needed to build the lab's tools, and there is no go on PATH (${wayOut}).`);
  requireVersion("Go", go.stdout.trim().replace(/^go/, ""), [1, 26], wayOut);
}

async function dependencies() {
  const stamp = join(root, "node_modules", ".plinth-lock");
  const pinned = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === pinned) return;
  requireGo();
  await run("installing dependencies", "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  writeFileSync(stamp, pinned);
}

async function build() {
  const built = join(root, "dist", ".built");
  const inputs = [join(root, "package.json"), join(root, "tsconfig.json"), join(root, "tsconfig.build.json")];
  const { include, exclude } = JSON.parse(readFileSync(join(root, "tsconfig.build.json"), "utf8"));
  for (const folder of include) inputs.push(...typescript(folder, exclude));
  // Names and sizes beside the times: a deleted or checked-out older file must rebuild too.
  const state = createHash("sha256");
  for (const file of inputs.sort()) {
    const { mtimeMs, size } = statSync(file);
    state.update(`${file} ${mtimeMs} ${size}\n`);
  }
  const current = state.digest("hex");
  if (existsSync(built) && readFileSync(built, "utf8") === current) return;
  rmSync(built, { force: true });
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  await run("compiling TypeScript", process.execPath, [tsc, "-p", "tsconfig.build.json"]);
  mkdirSync(dirname(built), { recursive: true });
  writeFileSync(built, current);
}

function typescript(folder, exclude) {
  if (!existsSync(join(root, folder)) || exclude.includes(folder)) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return typescript(path, exclude);
    return /\.(ts|json)$/.test(entry.name) ? [join(root, path)] : [];
  });
}

/** Runs a step quietly, says from time to time that it still runs, and shows its output only if it fails. */
async function run(title, command, args) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  console.error(`${title} ...`);
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const output = [];
  child.stdout.on("data", (chunk) => output.push(chunk));
  child.stderr.on("data", (chunk) => output.push(chunk));
  const beat = setInterval(() => console.error(`${title} ... ${seconds()}`), beatMs);
  try {
    const code = await new Promise((resolve, reject) => {
      child.on("error", (error) => reject(new Stop(`${title}: ${command} cannot be started (${error.message}).`)));
      child.on("close", (exit, signal) => resolve(exit ?? signal));
    });
    if (code !== 0) {
      const text = Buffer.concat(output).toString().trim();
      const full = /ENOSPC|no space left/i.test(text)
        ? "The disk is full: make room and run the same command again.\n"
        : "";
      throw new Stop(
        `${text}\n${full}${title} failed (${command} ended with ${code}). Mend what is said above and run the same command again.`,
      );
    }
  } finally {
    clearInterval(beat);
  }
  console.error(`${title} ... done in ${seconds()}`);
}

/**
 * One set-up at a time for a checkout. The lock is a name in the kernel's abstract socket namespace: it ends with its
 * process, so there is no stale lock and no lock file. Other systems than Linux do without.
 */
async function lock() {
  if (process.platform !== "linux") return () => {};
  const name = `\0plinth-setup-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`;
  for (let waited = false; ; waited = true) {
    const waiting = new Set();
    const server = createServer((other) => waiting.add(other.on("error", () => {}).unref()));
    const mine = await new Promise((resolve, reject) => {
      server.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
      server.listen(name, () => resolve(true));
    });
    if (mine) {
      server.unref();
      return () => {
        server.close();
        for (const other of waiting) other.destroy();
      };
    }
    if (!waited) console.error("another set-up of this checkout is running: waiting for it");
    const beat = setInterval(() => console.error("still waiting for the other set-up"), beatMs);
    // The owner never answers; the connection closes when it is done or dead.
    await new Promise((resolve) =>
      connect(name)
        .on("error", () => {})
        .on("close", resolve),
    );
    clearInterval(beat);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await orSayWhy(async () => {
    await setup();
    if (process.argv.includes("--tools")) {
      process.argv.splice(2, process.argv.length, "lab", "tools");
      await import(new URL("../dist/cli/main.js", import.meta.url));
    }
  });
}
