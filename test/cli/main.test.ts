import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "../support/site";

let cache: string;
beforeAll(() => {
  cache = mkdtempSync(path.join(tmpdir(), "plinth-cache-"));
});
afterAll(() => rmSync(cache, { recursive: true, force: true }));

/** Runs the compiled command line with an empty cache. */
function plinth(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, PLINTH_CACHE: cache };
    execFile(process.execPath, [path.join(ROOT, "dist/cli/main.js"), ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

describe("the command line", () => {
  it("gives all of its output to who reads it slowly", async () => {
    const main = path.join(ROOT, "dist/cli/main.js");
    const count = await new Promise<string>((resolve) => {
      execFile("sh", ["-c", '"$1" "$2" schema | (sleep 2; wc -c)', "sh", process.execPath, main], (_, stdout) =>
        resolve(stdout),
      );
    });
    const size = statSync(path.join(ROOT, "schema/stack.schema.json")).size;
    expect(size).toBeGreaterThan(65_536);
    expect(Number(count)).toBe(size);
  });

  it.each([
    [["lab", "nonsense"], /nonsense: there is no such command \(write one of up, preview, status/],
    [["lab", "--instance", "Not a name", "status"], /"Not a name" is not a name \(use 1 to 32 lower-case letters/],
    [["lab", "fault", "cp-1", "explode"], /Allowed choices are off, hang, refuse/],
    [["lab", "fault", "cp-1", "off"], /not running \(start it with: npm run lab\)/],
    [["lab", "kubectl", "get", "nodes"], /this lab instance is not up \(bring it up with: npm run lab -- up\)/],
    [["lab", "logs"], /this lab instance never ran/],
    [["lab", "up", "--site", "/does/not/exist.yaml"], /\/does\/not\/exist\.yaml: cannot be read/],
    [
      ["lab", "up", "--site", path.join(ROOT, "stacks/Pulumi.home.yaml")],
      /"proxmox" machines are real \(use `pulumi up`/,
    ],
  ])("%j is refused in one sentence", async (args, sentence) => {
    const { code, stderr } = await plinth(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(cache)).toEqual([]);
  });

  it("tells that there is no instance", async () => {
    const { code, stdout } = await plinth("lab", "status");
    expect(code).toBe(0);
    expect(stdout).toContain("There is no lab instance lab. Make it with: npm run lab -- up");
  });

  it("prints the schema of a stack file", async () => {
    const { stdout } = await plinth("schema");
    expect(JSON.parse(stdout).properties.config.required).toEqual(["plinth:site"]);
  });
});
