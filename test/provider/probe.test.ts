import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer, type Server, type TlsOptions } from "node:tls";
import { probe } from "../../provider/talosctl/probe";

const fixture = (name: string) => readFileSync(join(__dirname, "../netbox/fixture", name));
const pair = { cert: fixture("server.crt"), key: fixture("server.key"), ALPNProtocols: ["h2"] };
const idle = new AbortController().signal;

/** Looks at a server on loopback, which is closed afterwards. */
async function face(
  options: TlsOptions,
  greeting: string | undefined,
  ca?: string,
  signal: AbortSignal = idle,
): Promise<string> {
  const server: Server = createServer({ ...pair, ...options }, (socket) => {
    socket.on("error", () => undefined);
    if (greeting !== undefined) socket.write(greeting);
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await probe("127.0.0.1", ca, signal, (server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

const mutual = { requestCert: true, rejectUnauthorized: true };

test("one that wants a certificate is configured: ours when our CA has issued its own, else foreign", async () => {
  expect(await face(mutual, "greeting")).toBe("foreign");
  expect(await face(mutual, "greeting", pair.cert.toString())).toBe("ours");
  const other = readFileSync(join(__dirname, "fixture/other-ca.crt"), "utf8");
  expect(await face(mutual, "greeting", other)).toBe("foreign");
  expect(await face({ ...mutual, maxVersion: "TLSv1.2" }, "greeting")).toBe("foreign");
});

test("one that greets everybody is in maintenance mode", async () => {
  expect(await face({}, "greeting")).toBe("maintenance");
});

test("nobody, and one that says nothing, is absent", async () => {
  expect(await probe("127.0.0.1", undefined, idle, 1)).toBe("absent");
  expect(await face({}, undefined)).toBe("absent");
});

test("a cancel ends the look at once", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("cancelled")), 50);
  await expect(face({}, undefined, undefined, controller.signal)).rejects.toThrow("cancelled");
});
