import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { FakeLatitude, TOKEN } from "../latitude/fake";
import { ROOT } from "../support/site";

jest.setTimeout(60_000);

const fake = new FakeLatitude();
let url: string;
beforeAll(async () => {
  url = await fake.listen();
});
afterAll(() => fake.close());

function plinth(args: readonly string[], token = TOKEN, more: Record<string, string> = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, PLINTH_LATITUDE_URL: url, LATITUDESH_BEARER: token, ...more };
    const command = [path.join(ROOT, "dist/cli/main.js"), "machines", ...args];
    execFile(process.execPath, command, { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test("plans come by price, and what does not fit with its reasons", async () => {
  const { stdout } = await plinth(["plans", "--provider", "latitude", "--gpu", "--region", "NYC"]);
  const [head, ...rows] = stdout.trim().split("\n");
  expect(head?.split(/\s{2,}/)).toEqual([
    "PLAN",
    "REGION",
    "CORES",
    "MEMORY",
    "DRIVES",
    "GPU",
    "$/HOUR",
    "$/MONTH",
    "WHY",
  ]);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatch(
    /^g4-rtx6kpro-large +NYC +64 +1024 GB +2 x 480 GB SSD +4 x NVIDIA RTX 6000 Pro +8\.10 .*can be ordered$/,
  );
  const all = (await plinth(["plans", "--provider", "latitude", "--gpu", "--region", "NYC", "--all"])).stdout;
  expect(all).toMatch(/^g3-large-x86 +NYC .*is out of stock$/m);
  expect(all).toMatch(/^c2-small-x86 +FRA .*is in FRA, has no GPU, is out of stock$/m);
});

test("when nothing fits the nearest is named", async () => {
  const { stdout } = await plinth(["plans", "--provider", "latitude", "--gpu", "--region", "FRA"]);
  expect(stdout).toBe(
    "nothing fits; the nearest, c3-medium-x86 in FRA, has no GPU. --all shows everything with the reasons.\n",
  );
});

test("a bad key is told as one, and is in no output", async () => {
  const { code, stderr } = await plinth(["plans", "--provider", "latitude"], "ak_wrong-one");
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/latitude\.token: .*The API key is not valid.*use a valid API key/),
  ]);
  expect(stderr).not.toContain("ak_wrong-one");
});

test("the bill shows what exists and what it has cost", async () => {
  const headers = { authorization: `Bearer ${TOKEN}`, "api-version": "2023-06-01" };
  const attributes = {
    project: "home",
    plan: "c2-small-x86",
    site: "NYC",
    hostname: "home-cp-1",
    operating_system: "ipxe",
    ipxe: "https://a",
  };
  fake.answer({
    method: "POST",
    path: "/servers",
    headers,
    body: JSON.stringify({ data: { type: "servers", attributes } }),
  });
  const { stdout } = await plinth(["bill", "--provider", "latitude", "--project", "home"]);
  expect(stdout).toMatch(/^home-cp-1 +sv_1 +c2-small-x86 +NYC +hourly +deploying$/m);
  expect(stdout).toMatch(/^total 0\.63 \$$/m);
});

test("power is switched of the one server of that name, after somebody agreed, and noted", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-power-"));
  const log = path.join(folder, "audit.jsonl");
  try {
    process.env.PLINTH_AUDIT_LOG = log;
    const attributes = {
      project: "home",
      plan: "c2-small-x86",
      site: "NYC",
      hostname: "home-power",
      operating_system: "ipxe",
    };
    const headers = { authorization: `Bearer ${TOKEN}`, "api-version": "2023-06-01" };
    const body = JSON.stringify({
      data: { type: "servers", attributes: { ...attributes, ipxe: "https://example.org/b" } },
    });
    fake.answer({ method: "POST", path: "/servers", headers, body });
    const server = fake.servers.find(({ hostname }) => hostname === "home-power");
    if (server === undefined) throw new Error("it was ordered");
    server.status = "on";
    const power = (name: string, ...what: string[]) =>
      plinth(["power", "--provider", "latitude", "--project", "home", name, ...what]);
    expect(await power("home-power", "off")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nobody is there to confirm"),
    });
    expect(server.status).toBe("on");
    expect(await power("home-cp-9", "off", "--yes")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no server of home is called so"),
    });
    for (const [what, status] of [
      ["off", "off"],
      ["on", "on"],
      ["rescue", "rescue_mode"],
      ["normal", "on"],
    ] as const) {
      expect((await power("home-power", what, "--yes")).stdout).toBe(`home-power: ${what} is begun.\n`);
      expect(server.status).toBe(status);
    }
    expect(await power("home-power", "normal")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("does not take this action now"),
    });
    const noted = readFileSync(log, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).detail);
    expect(noted[0]).toBe(`off: server ${server.id}, which was on`);
    expect(noted).toHaveLength(5);
  } finally {
    delete process.env.PLINTH_AUDIT_LOG;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the token of the selected stack is used, as the guide sets it; without one both ways are told", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-stack-"));
  try {
    const pulumi = (script: string) =>
      writeFileSync(path.join(folder, "pulumi"), `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    const PATH = `${folder}${path.delimiter}${process.env.PATH ?? ""}`;
    const plans = () => plinth(["plans", "--provider", "latitude", "--region", "NYC"], "", { PATH });
    pulumi(`[ "$*" = "config get plinth:latitude --non-interactive" ] && echo '{"token":"${TOKEN}"}'`);
    expect(await plans()).toMatchObject({ code: 0, stdout: expect.stringContaining("c2-small-x86") });
    pulumi('echo "error: no Pulumi.yaml project file found" >&2; exit 255');
    const { code, stderr } = await plans();
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /latitude\.token: neither LATITUDESH_BEARER nor the selected stack tells one \(no Pulumi\.yaml project file found\) \(set LATITUDESH_BEARER, or run this/,
      ),
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a server that was ordered elsewhere is taken for this site's only when somebody says so, and that is noted", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-taken-"));
  try {
    fake.stranger("home-taken");
    const { id } = fake.servers.at(-1) ?? { id: "" };
    const env = { PLINTH_STATE_DIR: folder, PLINTH_AUDIT_LOG: path.join(folder, "audit.jsonl") };
    const adopt = (...more: string[]) =>
      plinth(["adopt", "--provider", "latitude", "--project", "home", "home-taken", ...more], TOKEN, env);
    expect(await adopt()).toMatchObject({ code: 1, stderr: expect.stringContaining("nobody is there to confirm") });
    expect(readdirSync(folder)).toEqual([]);
    expect((await adopt("--yes")).stdout).toContain(`home-taken (${id}) is this site's`);
    const [note = ""] = readdirSync(path.join(folder, "latitude"));
    expect(JSON.parse(readFileSync(path.join(folder, "latitude", note), "utf8"))).toMatchObject({ id });
    expect(readFileSync(env.PLINTH_AUDIT_LOG, "utf8")).toContain(`takes the server ${id} for one`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
