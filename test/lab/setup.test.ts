import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "../support/site";

/** A checkout with one source file and commands of its own on PATH: npm and go are scripts that note their calls. */
let checkout: string;
let calls: string;

beforeEach(() => {
  checkout = mkdtempSync(path.join(tmpdir(), "plinth-setup-"));
  calls = path.join(checkout, "calls");
  writeFileSync(calls, "");
  for (const folder of ["lab", "bin", "components", "node_modules/typescript/bin"]) {
    mkdirSync(path.join(checkout, folder), { recursive: true });
  }
  copyFileSync(path.join(ROOT, "lab/setup.mjs"), path.join(checkout, "lab/setup.mjs"));
  for (const file of ["package.json", "package-lock.json", "tsconfig.json"])
    writeFileSync(path.join(checkout, file), "{}");
  writeFileSync(
    path.join(checkout, "tsconfig.build.json"),
    '{"include": ["components", "lab"], "exclude": ["lab/rig"]}',
  );
  writeFileSync(path.join(checkout, "components/one.ts"), "");
  writeFileSync(
    path.join(checkout, "node_modules/typescript/bin/tsc"),
    `require("fs").appendFileSync(${JSON.stringify(calls)}, "tsc\\n")`,
  );
  symlinkSync(process.execPath, path.join(checkout, "bin/node"));
  command("go", "echo go1.26.8");
  command("npm", `echo "npm $*" >> ${calls}`);
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

function command(name: string, script: string): void {
  writeFileSync(path.join(checkout, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function setup(): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const env = { PATH: path.join(checkout, "bin") };
    execFile(process.execPath, [path.join(checkout, "lab/setup.mjs")], { env }, (error, _, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stderr }),
    );
  });
}

const called = () => readFileSync(calls, "utf8").trim().split("\n").filter(Boolean);

describe("the set-up of a checkout", () => {
  it("installs and compiles once, and then only what changed", async () => {
    expect(await setup()).toMatchObject({ code: 0 });
    expect(called()).toEqual(["npm ci --ignore-scripts --no-audit --no-fund", "tsc"]);
    expect(await setup()).toEqual({ code: 0, stderr: "" });
    writeFileSync(path.join(checkout, "components/two.ts"), "");
    await setup();
    expect(called().slice(2)).toEqual(["tsc"]);
    rmSync(path.join(checkout, "components/two.ts"));
    await setup();
    expect(called().slice(3)).toEqual(["tsc"]);
    writeFileSync(path.join(checkout, "package-lock.json"), "{ }");
    await setup();
    expect(called().slice(4)).toEqual(["npm ci --ignore-scripts --no-audit --no-fund"]);
  });

  it("runs once when two begin at the same time", async () => {
    command("npm", `echo "npm $*" >> ${calls}; /bin/sleep 1`);
    const both = await Promise.all([setup(), setup()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.map(({ stderr }) => stderr).join("")).toContain("another set-up of this checkout is running");
    expect(called()).toEqual(["npm ci --ignore-scripts --no-audit --no-fund", "tsc"]);
  });

  it("asks for Go before it installs anything", async () => {
    rmSync(path.join(checkout, "bin/go"));
    const missing = await setup();
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no go on PATH (install it from https://go.dev/dl"),
    });
    command("go", "echo go1.24.1");
    expect(await setup()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Go 1.26 or newer is needed, this is 1.24.1"),
    });
    expect(called()).toEqual([]);
  });

  it("that fails shows why in the failed command's words, and is tried again the next time", async () => {
    command("npm", "echo 'npm error code ENOSPC' >&2; exit 1");
    const { code, stderr } = await setup();
    expect(code).toBe(1);
    expect(stderr).toContain("The disk is full: make room and run the same command again.");
    expect(stderr).not.toMatch(/\n\s+at /);
    command("npm", `echo "npm $*" >> ${calls}`);
    expect((await setup()).code).toBe(0);
    expect(called()).toHaveLength(2);
  });
});
