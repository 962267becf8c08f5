import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { minors } from "../../lab/netbox/versions";
import { capabilitiesOf, capabilityTable } from "../../provider/netbox/capabilities";
import { NetBox } from "../../provider/netbox/client";
import { asProblem, NetBoxError } from "../../provider/netbox/errors";
import { ipAddressSchema } from "../../provider/netbox/types";
import { requester, startNetBox, tokens } from "./support";

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function failureOf(work: Promise<unknown>): Promise<NetBoxError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof NetBoxError) return error;
  throw new Error(`expected a failure, got ${String(error)}`);
}

function client(url: string, token: string = tokens.admin, signal = new AbortController().signal): NetBox {
  const netbox = NetBox.connect({ url, token }, { signal, timeoutMs: 300, pauseMs: 5 });
  open.push(() => netbox.close());
  return netbox;
}

async function server(options = {}) {
  const started = await startNetBox(options);
  open.push(() => started.server.close());
  return started;
}

describe("capabilities", () => {
  test.each(minors)("of %s are what the server shows", async (version) => {
    const { url } = await server({ version });
    const request = requester(url, tokens.admin);
    const { headers } = await request("POST", "/api/ipam/ip-addresses/", { address: "10.0.0.1/24" });
    const capabilities = await client(url).capabilities();
    expect(capabilities.minor).toBe(version);
    expect(capabilities.etag).toBe(headers.get("etag") !== null);
    expect(capabilities.warning).toBeUndefined();
  });

  test("a newer version is used with a warning, an older one refused", async () => {
    expect(capabilityTable.map(({ minor }) => minor)).toEqual(minors);
    expect(capabilitiesOf("4.9.1")?.warning).toBe(
      "NetBox 4.9.1 is newer than the tested 4.2 to 4.7; plinth treats it as 4.7",
    );
    expect(capabilitiesOf("4.7.0-beta1")?.warning).toBeUndefined();
    expect(capabilitiesOf("4.1.11")).toBeUndefined();
    const { url } = await server({ version: "4.1.11" });
    expect((await failureOf(client(url).capabilities())).message).toContain("older than 4.2");
  });

  test("both kinds of token work", async () => {
    const { url } = await server();
    expect((await client(url, tokens.v2).capabilities()).minor).toBe("4.6");
  });
});

describe("what a person can mend", () => {
  test("a wrong port, host, path and token each say so, and never show the token", async () => {
    const { url } = await server();
    const cases: [string, string, string, RegExp][] = [
      ["http://127.0.0.1:9", tokens.admin, "netbox.url", /cannot be reached: nothing listens there/],
      ["http://no-such-host.invalid", tokens.admin, "netbox.url", /the name does not resolve/],
      [`${url}/other`, tokens.admin, "netbox.url", /has no page/],
      [url, "f".repeat(40), "netbox.token", /Invalid v1 token/],
    ];
    for (const [where, token, path, reason] of cases) {
      const failure = await failureOf(client(where, token).capabilities());
      const problem = asProblem(failure);
      expect(problem?.path).toBe(path);
      expect(problem?.reason).toMatch(reason);
      expect(JSON.stringify(problem) + failure.stack).not.toContain(token);
    }
  });

  test("a page that is no NetBox is not taken for one", async () => {
    const web = createServer((_request, response) =>
      response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>hi</h1>"),
    );
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    open.push(() => void web.close());
    const failure = await failureOf(client(`http://127.0.0.1:${(web.address() as AddressInfo).port}`).capabilities());
    expect(asProblem(failure)?.path).toBe("netbox.url");
  });

  test("an answer of another shape names the place", async () => {
    const web = createServer((_request, response) =>
      response.writeHead(200, { "Content-Type": "application/json" }).end('{"next":null,"results":[{"id":"seven"}]}'),
    );
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    open.push(() => void web.close());
    const netbox = client(`http://127.0.0.1:${(web.address() as AddressInfo).port}`);
    const failure = await failureOf(netbox.list("ipam/ip-addresses", {}, ipAddressSchema));
    expect(failure.message).toMatch(/^ipam\/ip-addresses: unexpected answer at id:/);
  });
});

test("TLS: a CA of one's own is accepted when it is given, and named as the problem when it is not", async () => {
  const [cert, key] = ["server.crt", "server.key"].map((name) =>
    readFileSync(join(__dirname, "fixture", name), "utf8"),
  );
  const web = createTlsServer({ cert, key }, (_request, response) =>
    response.writeHead(200, { "Content-Type": "application/json" }).end('{"netbox-version":"4.6.8"}'),
  );
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  open.push(() => void web.close());
  const url = `https://127.0.0.1:${(web.address() as AddressInfo).port}`;
  const patience = { signal: new AbortController().signal, pauseMs: 5 };
  const trusting = NetBox.connect({ url, token: tokens.admin, caCertificate: cert ?? "" }, patience);
  open.push(() => trusting.close());
  expect((await trusting.capabilities()).minor).toBe("4.6");
  const problem = asProblem(await failureOf(client(url).capabilities()));
  expect(problem).toMatchObject({ path: "netbox.caCertificate", fix: "give the PEM of the CA that signed it" });
});

describe("time and number", () => {
  test("lists are read to the end", async () => {
    const { url } = await server();
    const bodies = Array.from({ length: 600 }, (_, index) => ({
      address: `10.0.${Math.floor(index / 200)}.${(index % 200) + 1}/16`,
    }));
    await requester(url, tokens.admin)("POST", "/api/ipam/ip-addresses/", bodies);
    const found = await client(url).list("ipam/ip-addresses", { parent: "10.0.0.0/16" }, ipAddressSchema);
    expect(new Set(found.map(({ id }) => id)).size).toBe(600);
  });

  test("a server that hangs costs the time-out, not more", async () => {
    const { url, server: netbox } = await server();
    netbox.faults.add({ kind: "hang", times: 100 });
    const begun = Date.now();
    const failure = await failureOf(client(url).post("ipam/ip-addresses", { address: "10.0.0.1/24" }, ipAddressSchema));
    expect(failure.kind).toBe("unknown");
    expect(failure.message).toContain("did not answer within 300 ms");
    expect(Date.now() - begun).toBeLessThan(3000);
  });

  test("an abort ends the request at once", async () => {
    const { url, server: netbox } = await server();
    netbox.faults.add({ kind: "hang", times: 100 });
    const controller = new AbortController();
    const call = client(url, tokens.admin, controller.signal).capabilities();
    const begun = Date.now();
    setTimeout(() => controller.abort(new Error("cancelled")), 20);
    await expect(call).rejects.toThrow("cancelled");
    expect(Date.now() - begun).toBeLessThan(1000);
  });

  test("no more requests at a time than allowed", async () => {
    let now = 0;
    let most = 0;
    const { url } = await server({
      latencyMs: 10,
      onRequest: ({ phase }: { phase: string }) => {
        now += phase === "received" ? 1 : -1;
        most = Math.max(most, now);
      },
    });
    const netbox = client(url);
    await Promise.all(Array.from({ length: 40 }, () => netbox.list("ipam/prefixes", {}, ipAddressSchema)));
    expect(most).toBe(4);
  });

  test("an idle connection is let go before the server ends it", async () => {
    const { url } = await server({ keepAliveMs: 1000 });
    const netbox = client(url);
    for (const pause of [0, 950, 1000, 1050]) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      await netbox.post("ipam/ip-addresses", { address: `10.0.0.${1 + (pause % 251)}/24` }, ipAddressSchema);
    }
  });

  test("a POST is never sent twice by itself", async () => {
    for (const kind of ["502", "503", "reset", "reset-after-commit"] as const) {
      const posts: string[] = [];
      const { url, server: netbox } = await server({
        onRequest: ({ phase, method }: { phase: string; method: string }) => {
          if (phase === "received") posts.push(method);
        },
      });
      netbox.faults.add({ kind });
      expect(
        (await failureOf(client(url).post("ipam/ip-addresses", { address: "10.0.0.1/24" }, ipAddressSchema))).kind,
      ).toBe("unknown");
      expect(posts).toEqual(["POST"]);
    }
  });
});
