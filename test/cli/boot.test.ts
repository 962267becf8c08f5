import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ServerProcess } from "../bootserver/process";
import { TOKEN } from "../bootserver/support";
import { ROOT } from "../support/site";

jest.setTimeout(60_000);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-boot-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plinth(args: readonly string[], more: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, PLINTH_BOOT_URL: "", PLINTH_BOOT_TOKEN: "", ...more };
    execFile(
      process.execPath,
      [path.join(ROOT, "dist/cli/main.js"), "boot", ...args],
      { env },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test("every mistake of an option is told at once, with the way out", async () => {
  writeFileSync(path.join(folder, "bad.pem"), "nothing");
  const flags = ["--machines", "eth0:8080", "--operators", "10.0.0.2:8443", "--trust", path.join(folder, "bad.pem")];
  const more = ["--configuration-url", "http://a/b", "--images", "/does/not/exist", "--state", folder];
  const { code, stderr } = await plinth(["serve", ...flags, ...more]);
  expect(code).toBe(1);
  for (const sentence of [
    /--machines: "eth0:8080" is not an address and a port/,
    /--operators: 10\.0\.0\.2 is reached from outside without TLS/,
    /--token-file: there is no token of 16 letters or more/,
    /--trust: holds no public key/,
    /--images: \/does\/not\/exist is not there/,
    /--configuration-url: machine configurations are served over TLS alone/,
    /--configuration-url: "http:\/\/a\/b" is no plain URL/,
  ]) {
    expect(stderr).toMatch(sentence);
  }
  expect(stderr).not.toMatch(/\n\s+at /);
});

test("a key pair is made once, the private one for its owner alone", async () => {
  const file = path.join(folder, "boot.key");
  expect(await plinth(["key", file])).toMatchObject({ code: 0 });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(`${file}.pub`, "utf8")).toContain("BEGIN PUBLIC KEY");
  const again = await plinth(["key", file]);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("is there already")]);
});

test("status and revoke tell what machines boot", async () => {
  const server = await ServerProcess.start(folder);
  try {
    const env = { PLINTH_BOOT_URL: server.operatorsUrl, PLINTH_BOOT_TOKEN: TOKEN };
    expect((await plinth(["status"], env)).stdout).toContain("all boot from disk");
    await server.grant({});
    expect((await plinth(["status"], env)).stdout).toContain("52:54:00:00:00:01  install  generation 1  granted");
    expect((await plinth(["revoke", "52:54:00:00:00:01"], env)).stdout).toContain("boots from disk (revoked)");
    expect((await plinth(["revoke", "52:54:00:00:00:02"], env)).stdout).toContain("never had a permission");
    const wrong = await plinth(["status"], { ...env, PLINTH_BOOT_TOKEN: "wrong" });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("the token is wrong")]);
  } finally {
    await server.end("SIGTERM");
  }
  const gone = await plinth(["status", "--server", server.operatorsUrl], { PLINTH_BOOT_TOKEN: TOKEN });
  expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("cannot be reached")]);
});
