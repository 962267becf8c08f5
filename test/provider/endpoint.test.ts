import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { httpEndpoint } from "../../provider/kubernetes/endpoint";

const fixture = (name: string) => readFileSync(join(__dirname, "../netbox/fixture", name), "utf8");
const ca = fixture("server.crt");
const signal = new AbortController().signal;
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer({ key: fixture("server.key"), cert: ca }, (_, response) => response.writeHead(401).end());
  // An address that its certificate does not name.
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.3", resolve));
  url = `https://127.0.0.3:${(server.address() as AddressInfo).port}`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

it("takes a machine by its CA where its certificate need not name the address", async () => {
  const { look } = httpEndpoint();
  expect(await look(url, ca, signal)).toMatchObject({ state: "foreign" });
  expect(await look(url, ca, signal, { anyName: true })).toEqual({ state: "ready", said: "it answers 401" });
});

it("tells a refusal from silence", async () => {
  const { look } = httpEndpoint();
  expect(await look("https://127.0.0.3:1", ca, signal)).toEqual({
    state: "away",
    said: expect.stringContaining("ECONNREFUSED"),
  });
  const gone = await look(url, ca, AbortSignal.abort());
  expect(gone).toEqual({ state: "away", said: "no answer", silent: true });
});
