import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { digest } from "../../bootserver/configurations";
import { enrolmentToken } from "../../components/boot/permission";
import { permission } from "../boot/support";
import { freshFolder, pair, removeFolders, TestServer } from "./support";

const EXIT = "#!ipxe\nexit\n";
const servers: TestServer[] = [];
const start = async (...args: Parameters<typeof TestServer.start>) => {
  const server = await TestServer.start(...args);
  servers.push(server);
  return server;
};

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(removeFolders);

test("an installation is allowed once: the installer halts on a system, and a proof ends it", async () => {
  let running = false;
  const proof = { address: "10.0.0.5", ca: "-----BEGIN CERTIFICATE-----" };
  const server = await start({ watchEvery: 20, runs: async (asked) => running && asked.address === proof.address });
  expect(await server.boot()).toBe(EXIT);
  expect(await server.grant({ proof })).toMatchObject({ phase: "granted", generation: 1 });
  const script = await server.boot();
  const { image } = permission();
  expect(script).toBe(
    [
      "#!ipxe",
      "imgfree",
      `kernel --name vmlinuz ${image.kernel} initrd=initramfs talos.platform=metal talos.halt_if_installed=1 || exit`,
      `initrd --name initramfs ${image.initramfs} || exit`,
      "boot || exit",
      "",
    ].join("\n"),
  );
  // Turns: an installed machine that boots from the network first finds its disk before anybody has reported.
  expect(await server.boot()).toBe(EXIT);
  expect(await server.boot()).toBe(script);
  running = true;
  await until(async () => (await server.client.machine(permission().mac, signal()))?.end === "proof");
  for (let boot = 0; boot < 4; boot++) expect(await server.boot()).toBe(EXIT);
  await expect(server.grant({ proof })).resolves.toMatchObject({ phase: "ended", end: "proof" });
});

test("a permission that is issued again begins with the disk, and ends when the system shows itself", async () => {
  let running = false;
  const proof = { address: "10.0.0.5", ca: "-----BEGIN CERTIFICATE-----" };
  const server = await start({ watchEvery: 20, runs: async () => running });
  await server.grant({ proof, reissued: true });
  expect(await server.boot()).toBe(EXIT);
  expect(await server.boot()).toContain("talos.halt_if_installed=1");
  await server.grant({ proof, reissued: true, generation: 2 });
  running = true;
  // Without a boot: the machine runs, and needs no installation of that generation.
  await until(async () => (await server.client.machine(permission().mac, signal()))?.end === "proof");
  expect(await server.boot()).toBe(EXIT);
});

test("a wipe is confirmed and done once; its answers are worth nothing a second time", async () => {
  const server = await start();
  await server.grant({ action: "wipe", generation: 3 });
  const [first, second] = [await server.boot(), await server.boot()].map(
    (script) => /wipe\/[0-9a-f]+/.exec(script)?.[0],
  );
  expect((await server.get(`/${second}`)).body).toContain("talos.experimental.wipe=system");
  for (const old of [first, second]) expect((await server.get(`/${old}`)).body).toBe(EXIT);
  expect(await server.boot()).toBe(EXIT);
  await expect(server.grant({ action: "wipe", generation: 2 })).rejects.toThrow(/not above 3/);
  await expect(server.grant({ action: "wipe", generation: 3 })).resolves.toMatchObject({ phase: "ended", end: "used" });
});

test("leases outlive the server; a server that lost its records lets every machine boot from disk", async () => {
  const state = freshFolder();
  const first = await TestServer.start({}, state);
  await first.grant();
  const script = await first.boot();
  const { session: old } = await first.client.about(signal());
  await first.stop();
  const second = await TestServer.start({}, state);
  // The turn goes on where it was.
  expect(await second.boot()).toBe(EXIT);
  expect(await second.boot()).toBe(script);
  expect((await second.client.about(signal())).session).not.toBe(old);
  await second.stop();
  rmSync(path.join(state, "journal"));
  const third = await start({}, state);
  expect(await third.boot()).toBe(EXIT);
});

test.each([
  ["a stranger", { mac: "52:54:00:00:00:99" }],
  ["a second machine with the same MAC address", { uuid: "4c4c4544-0051-3010-8052-000000000000" }],
  ["another architecture", { arch: "arm64" }],
  ["an unknown architecture", { arch: "riscv64" }],
  ["a MAC address that is none", { mac: "52:54:00" }],
  ["a UUID that is none", { uuid: "../../../../../../../../../../etc/shadow" }],
])("%s boots from disk, and it is on record", async (_, who) => {
  const server = await start({ diskBoot: "sanboot" });
  await server.grant();
  expect(await server.boot(who)).toMatch(/^#!ipxe\n(exit|sanboot --no-describe --drive 0x80 \|\| exit)\n$/);
  expect(await server.client.machine(permission().mac, signal())).toMatchObject({ phase: "granted" });
  await server.stop();
  servers.pop();
  expect(server.log().at(-1)).toMatchObject({ event: expect.stringMatching(/answer|refused/), from: "127.0.0.1" });
});

test("a machine boots from disk in the way its profile says", async () => {
  const server = await start();
  const answers: string[] = [];
  for (const [index, diskBoot] of (["exit", "404", "sanboot"] as const).entries()) {
    await server.grant({ diskBoot, generation: index + 1 });
    await server.client.revoke(permission().mac);
    answers.push(await server.boot());
  }
  expect(answers).toEqual([EXIT, "not found\n", "#!ipxe\nsanboot --no-describe --drive 0x80 || exit\n"]);
});

test("Pixiecore is told to ask the machine itself while it may boot something, and else to let it go", async () => {
  const server = await start();
  const where = `/v1/boot/${permission().mac}`;
  expect((await server.get(where)).status).toBe(404);
  await server.grant();
  const { body } = await server.get(where);
  expect(JSON.parse(body)["ipxe-script"]).toBe((await server.get("/boot.ipxe")).body);
  await server.client.revoke(permission().mac);
  expect((await server.get(where)).status).toBe(404);
});

test("images come from the folder, and nothing else does", async () => {
  const images = freshFolder();
  const id = "a".repeat(64);
  mkdirSync(path.join(images, id, "v1.13.0"), { recursive: true });
  writeFileSync(path.join(images, id, "v1.13.0", "kernel-amd64"), "a kernel");
  writeFileSync(path.join(images, "secret"), "a secret");
  const server = await start({ images });
  expect(await server.get(`/image/${id}/v1.13.0/kernel-amd64`)).toEqual({ status: 200, body: "a kernel" });
  for (const trick of [
    `/image/${id}/v1.13.0/../../secret`,
    `/image/${id}/v1.13.0/..%2f..%2fsecret`,
    `/image/../secret`,
    `/image/${id}/v1.13.0/%2e%2e`,
    `/image/${id}/v1.13.0/kernel-amd64%00`,
    "//secret",
    `/image/${id}/v1.13.0/nothing`,
  ]) {
    expect([trick, (await server.get(trick)).status]).toEqual([trick, 404]);
  }
  expect((await server.get(`/${"x".repeat(2000)}`)).status).toBe(414);
  expect((await server.get(`/${"x".repeat(20_000)}`).catch(() => ({ status: "closed" }))).status).toBe("closed");
});

test("a slow request is ended, and a body nobody asked for is not read", async () => {
  const server = await start();
  const started = Date.now();
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(Number(new URL(server.running.url).port), "127.0.0.1", () => socket.write("GET /ipxe HTT"));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
  expect(Date.now() - started).toBeLessThan(9000);
  expect(answer).not.toMatch(/200/);
}, 20_000);

test("a configuration is fetched once, and is gone when no permission needs it", async () => {
  const url = "https://boot.example.org:8443";
  const server = await start({ configurationUrl: url, watchEvery: 20 });
  const text = "machine:\n  token: secret\n";
  await expect(server.grant({ configuration: digest("other") }, text)).rejects.toThrow(/not the one that was signed/);
  await server.grant({ configuration: digest(text) }, text);
  const [, token] =
    /talos\.config=https:\/\/boot\.example\.org:8443(\/configuration\/[0-9a-f]{64})/.exec(await server.boot()) ?? [];
  const fetchIt = async () => (await fetch(server.running.operatorsUrl + token)).text();
  expect(await fetchIt()).toBe(text);
  expect(await fetchIt()).toBe("not found\n");
  const file = path.join(server.state, "configurations", `${digest(text)}.yaml`);
  expect(readFileSync(file, "utf8")).toBe(text);
  await server.client.revoke(permission().mac);
  await until(async () => {
    try {
      readFileSync(file);
      return false;
    } catch {
      return true;
    }
  });
  await server.stop();
  servers.pop();
  expect(JSON.stringify(server.log())).not.toContain(text.slice(0, 8));
});

test("a machine from other media enrols once with its token, through a restart and for no other machine", async () => {
  const configurationUrl = "https://boot.example.org:8443";
  const first = await start({ configurationUrl });
  const text = "machine:\n  token: secret\n";
  const token = enrolmentToken({ mac: permission().mac, generation: 1 }, pair.privateKey);
  await expect(first.grant({ enrolment: digest(token) })).rejects.toThrow(/no configuration to hand out/);
  await first.grant({ configuration: digest(text), enrolment: digest(token) }, text);
  const enrol = async ({ running }: TestServer, shown = token, uuid: string = permission().uuid) =>
    (await fetch(`${running.operatorsUrl}/enrol/${shown}?uuid=${uuid}`)).text();
  expect(await enrol(first, "0".repeat(64))).toBe("not found\n");
  expect(await enrol(first, token, "4c4c4544-0000-0000-0000-000000000009")).toBe("not found\n");
  await first.stop();
  servers.pop();
  const second = await start({ configurationUrl }, first.state);
  const answers = await Promise.all([
    enrol(second),
    enrol(second),
    enrol(second, token, permission().uuid.toUpperCase()),
  ]);
  expect(answers.filter((answer) => answer === text)).toHaveLength(1);
  expect(await second.boot()).toBe("#!ipxe\nexit\n");
  await second.stop();
  servers.pop();
  expect(second.log()).toContainEqual(expect.objectContaining({ event: "configuration", because: "enrolment" }));
  const third = await start({ configurationUrl }, first.state);
  expect(await enrol(third)).toBe("not found\n");
  expect(JSON.stringify(third.log())).not.toContain(token);
});

test("without TLS no configuration is taken", async () => {
  const server = await start();
  await expect(server.grant({ configuration: digest("a") }, "a")).rejects.toThrow(/no TLS to hand out configurations/);
});

test("operators need the token and a trusted signature", async () => {
  const server = await start();
  const answer = await fetch(`${server.running.operatorsUrl}/api/machines`, { headers: { Authorization: "Bearer x" } });
  expect(answer.status).toBe(401);
  await expect(server.client.grant("no.signed.token", undefined)).rejects.toThrow(/signature or its form is wrong/);
  const large = await fetch(`${server.running.operatorsUrl}/api/permissions`, {
    method: "POST",
    headers: { Authorization: `Bearer a-token-of-sixteen-letters-or-more` },
    body: "x".repeat(2 << 20),
  }).then(
    ({ status }) => status,
    () => 413,
  );
  expect(large).toBe(413);
});

test("metrics count answers by reason, and permissions by phase", async () => {
  const server = await start();
  await server.grant();
  for (let boot = 0; boot < 3; boot++) await server.boot();
  await server.boot({ mac: "52:54:00:00:00:99" });
  const text = await (await fetch(`${server.running.operatorsUrl}/metrics`)).text();
  expect(text).toContain('plinth_boot_answers_total{boot="install",because="generation"} 2');
  expect(text).toContain('plinth_boot_answers_total{boot="disk",because="unknown"} 1');
  expect(text).toContain('plinth_boot_permissions{phase="leased"} 1');
  expect(text).toContain("plinth_boot_answer_seconds_count 4");
});

test("a second server over the same records is refused", async () => {
  const server = await start();
  await expect(TestServer.start({}, server.state)).rejects.toThrow(/boot-server is being changed by/);
});

const signal = () => AbortSignal.timeout(10_000);

async function until(look: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (await look()) return;
  }
  throw new Error("it did not come to pass");
}
