import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { remainingBill } from "../../components/machine/latitude/plans";
import { FakeLatitude, TOKEN } from "./fake";

const proved: string[] = [];

/** A test of one line of reference.yaml. */
function fact(name: string, prove: (ask: Ask, fake: FakeLatitude) => void): void {
  proved.push(name);
  test(name, () => {
    const fake = new FakeLatitude();
    prove((method, path, data, more = {}) => {
      const headers = { authorization: `Bearer ${TOKEN}`, "api-version": "2023-06-01", ...more };
      const answer = fake.answer({ method, path, headers, ...(data && { body: JSON.stringify({ data }) }) });
      return { status: answer.status, body: answer.text === "" ? undefined : JSON.parse(answer.text) };
    }, fake);
  });
}

type Ask = (
  method: string,
  path: string,
  data?: object,
  headers?: Record<string, string>,
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is answered
) => { readonly status: number; readonly body: any };

const ORDER = {
  type: "servers",
  attributes: {
    project: "home",
    plan: "c2-small-x86",
    site: "NYC",
    hostname: "a",
    operating_system: "ipxe",
    ipxe: "https://example.org/boot.ipxe",
  },
};

fact("version", (ask) => {
  expect(ask("GET", "/plans").status).toBe(200);
  expect(ask("GET", "/plans", undefined, { "api-version": "2022-01-01" }).status).toBe(400);
});

fact("denied", (ask) => {
  const { status, body } = ask("GET", "/plans", undefined, { authorization: "Bearer wrong" });
  expect([status, typeof body.errors[0].detail]).toEqual([401, "string"]);
});

fact("order", (ask) => {
  const { ipxe: _, ...without } = ORDER.attributes;
  expect(ask("POST", "/servers", { ...ORDER, attributes: without })).toMatchObject({
    status: 422,
    body: { errors: [{ detail: "ipxe must be informed" }] },
  });
  const { status, body } = ask("POST", "/servers", ORDER);
  expect([status, body.data.id]).toEqual([201, "sv_1"]);
  expect(Object.keys(body.data.attributes)).not.toContain("region");
});

fact("names", (ask, fake) => {
  ask("POST", "/servers", ORDER);
  ask("POST", "/servers", ORDER);
  expect(fake.servers.map(({ id, hostname }) => [id, hostname])).toEqual([
    ["sv_1", "a"],
    ["sv_2", "a"],
  ]);
});

fact("sold-out", (ask) => {
  const order = { ...ORDER, attributes: { ...ORDER.attributes, site: "FRA" } };
  expect(ask("POST", "/servers", order)).toMatchObject({
    status: 422,
    body: { errors: [{ code: "SERVERS_OUT_OF_STOCK" }] },
  });
});

fact("status", (ask, fake) => {
  const seen = () => ask("GET", "/servers/sv_1").body.data.attributes.status;
  ask("POST", "/servers", ORDER);
  expect([seen(), seen()]).toEqual(["deploying", "on"]);
  fake.fault("failed-deployment");
  ask("POST", "/servers", ORDER);
  ask("GET", "/servers/sv_2");
  expect(ask("GET", "/servers/sv_2").body.data.attributes.status).toBe("failed_deployment");
});

fact("stock", (ask) => {
  const [first] = ask("GET", "/plans").body.data;
  expect(first.attributes.regions[1].locations).toEqual({ available: ["FRA"], in_stock: [] });
  expect(first.attributes.specs.gpu).toEqual({});
});

fact("paging", (ask) => {
  for (let count = 0; count < 25; count++) ask("POST", "/servers", ORDER);
  expect(ask("GET", "/servers").body.data).toHaveLength(20);
  expect(ask("GET", "/servers?page[size]=10&page[number]=3").body.data).toHaveLength(5);
});

fact("delete", (ask) => {
  ask("POST", "/servers", ORDER);
  expect([ask("DELETE", "/servers/sv_1").status, ask("GET", "/servers/sv_1").status]).toEqual([204, 404]);
});

fact("locked", (ask, fake) => {
  ask("POST", "/servers", ORDER);
  for (const server of fake.servers) server.locked = true;
  expect(ask("DELETE", "/servers/sv_1").status).toBe(403);
});

fact("power", (ask, fake) => {
  ask("POST", "/servers", ORDER);
  const act = (action: string) =>
    ask("POST", "/servers/sv_1/actions", { type: "actions", attributes: { action } }).status;
  for (const server of fake.servers) server.status = "on";
  const seen = (["power_off", "power_on", "reboot", "dance"] as const).map((action) => [
    act(action),
    ask("GET", "/servers/sv_1").body.data.attributes.status,
  ]);
  expect(seen).toEqual([
    [201, "off"],
    [201, "on"],
    [201, "on"],
    [422, "on"],
  ]);
});

fact("rescue", (ask, fake) => {
  ask("POST", "/servers", ORDER);
  const go = (what: string) => ask("POST", `/servers/sv_1/${what}`).status;
  expect(go("rescue_mode")).toBe(406);
  for (const server of fake.servers) server.status = "on";
  expect([go("rescue_mode"), go("rescue_mode")]).toEqual([201, 406]);
  expect(ask("GET", "/servers/sv_1").body.data.attributes.status).toBe("rescue_mode");
  expect([go("exit_rescue_mode"), go("exit_rescue_mode")]).toEqual([200, 406]);
});

fact("busy", (ask, fake) => {
  fake.fault("busy");
  expect(ask("POST", "/servers", ORDER)).toMatchObject({
    status: 429,
    body: { errors: [{ meta: { retry_after: 0 } }] },
  });
  expect(fake.servers).toEqual([]);
});

const NETWORK = { type: "virtual_network", attributes: { project: "home", site: "NYC", description: "plinth" } };

fact("network", (ask) => {
  expect(ask("POST", "/virtual_networks", NETWORK)).toMatchObject({
    status: 201,
    body: { data: { attributes: { vid: 2001 } } },
  });
});

fact("assignment", (ask) => {
  ask("POST", "/servers", ORDER);
  ask("POST", "/virtual_networks", NETWORK);
  const attributes = { virtual_network_id: "vlan_2", server_id: "sv_1" };
  ask("POST", "/virtual_networks/assignments", { type: "virtual_network_assignment", attributes });
  const seen = () => ask("GET", "/virtual_networks/assignments?filter[virtual_network_id]=vlan_2").body.data;
  expect([seen().length, seen()[0].attributes.status]).toEqual([0, "connected"]);
  const of = (id: string) => ask("GET", `/virtual_networks/assignments?filter[server]=${id}`).body.data.length;
  expect([of("sv_1"), of("sv_9")]).toEqual([1, 0]);
});

fact("bill", (ask) => {
  ask("POST", "/servers", ORDER);
  const [product] = ask("GET", "/billing/usage?filter[project]=home").body.data.attributes.products;
  expect(product).toMatchObject({ unit: "hour", quantity: 3, price: 63 });
  const day = (text: string) => Date.parse(`${text}T00:00:00Z`);
  expect(remainingBill("monthly", day("2026-01-31"), day("2026-02-10"))).toContain("until 2026-02-28");
  expect(remainingBill("monthly", day("2026-01-31"), day("2026-03-10"))).toContain("until 2026-03-31");
  expect(remainingBill("monthly", undefined, day("2026-03-10"))).toContain("until its renewal");
});

test("every fact of the reference is proved of the fake, and no other", () => {
  const facts = parse(readFileSync(join(__dirname, "reference.yaml"), "utf8"));
  expect(proved.sort()).toEqual(Object.keys(facts).sort());
});
