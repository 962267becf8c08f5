import { behaviour, the, useSubject } from "./contract";
import { requester, startNetBox, tokens } from "./support";

useSubject();

const addresses = "/api/ipam/ip-addresses/";
const get = (path: string) => the().request("GET", path);
const count = async (query: string) => (await get(`${addresses}?${query}`)).body.count;

/** A prefix with addresses .1, .2, … made from the bodies. */
async function filled(...bodies: object[]) {
  const { net, ...prefix } = await the().prefix();
  const made = await the().request(
    "POST",
    addresses,
    bodies.map((body, index) => ({ address: `${net}.${index + 1}/24`, ...body })),
  );
  return { ...prefix, net, parent: `parent=${net}.0/24`, rows: made.body as { id: number; created: string }[] };
}

async function field(name: string, more: object) {
  const made = await the().make("extras/custom-fields", {
    name: `${name}_${the().run}`,
    type: "text",
    object_types: ["ipam.ipaddress"],
    ...more,
  });
  return String(made.name);
}

describe("auth", () => {
  const bare = (authorization?: string) =>
    fetch(`${the().url}/api/status/`, { headers: authorization === undefined ? {} : { Authorization: authorization } });
  const said = async (authorization?: string) => {
    const response = await bare(authorization);
    return [response.status, await response.json()];
  };
  const tokensOfLab = { labOnly: "needs tokens of other users" };

  behaviour("auth.v1-token", async () => expect((await bare(`Token ${tokens.admin}`)).status).toBe(200), tokensOfLab);
  behaviour("auth.v2-token", async () => expect((await bare(`Bearer ${tokens.v2}`)).status).toBe(200), tokensOfLab);
  behaviour(
    "auth.keyword-not-tied",
    async () => {
      expect((await bare(`Bearer ${tokens.admin}`)).status).toBe(200);
      expect((await bare(`Token ${tokens.v2}`)).status).toBe(200);
    },
    tokensOfLab,
  );
  behaviour("auth.no-credentials", async () => {
    const response = await bare();
    expect([response.status, response.headers.get("www-authenticate"), await response.json()]).toEqual([
      403,
      null,
      { detail: "Authentication credentials were not provided." },
    ]);
  });
  behaviour(
    "auth.wrong-token",
    async () => {
      expect(await said(`Token ${"f".repeat(40)}`)).toEqual([403, { detail: "Invalid v1 token" }]);
      expect(await said(`Bearer nbt_XXXXXXXXXXXX.${"f".repeat(40)}`)).toEqual([403, { detail: "Invalid v2 token" }]);
    },
    { from: "4.5" },
  );
  behaviour(
    "auth.v2-without-dot",
    async () => {
      const message =
        "Invalid authorization header: Could not parse key from v2 token. Did you mean to use 'Token' instead of 'Bearer'?";
      expect(await said("Bearer nbt_nodot")).toEqual([403, { detail: message }]);
    },
    { from: "4.5" },
  );
  behaviour(
    "auth.keyword-alone",
    async () => {
      const message = 'Invalid authorization header: Must be in the form "Bearer <key>.<token>" or "Token <token>"';
      expect(await said("Token")).toEqual([403, { detail: message }]);
    },
    { from: "4.5" },
  );
  behaviour("auth.basic-ignored", async () =>
    expect(await said("Basic eDp5")).toEqual([403, { detail: "Authentication credentials were not provided." }]),
  );

  const as = (token: string) => requester(the().url, token);
  const denied = [403, { detail: "You do not have permission to perform this action." }];
  behaviour(
    "auth.no-permission",
    async () => {
      const write = await as(tokens.viewOnly)("POST", addresses, { address: "198.18.0.1/24" });
      expect([write.status, write.body]).toEqual(denied);
      const read = await as(tokens.viewOnly)("GET", "/api/dcim/sites/1/");
      expect([read.status, read.body]).toEqual(denied);
    },
    tokensOfLab,
  );
  behaviour(
    "auth.read-only-token",
    async () => {
      const write = await as(tokens.readOnly)("POST", addresses, { address: "198.18.0.1/24" });
      expect([write.status, write.body]).toEqual(denied);
    },
    tokensOfLab,
  );
  behaviour("auth.authentication-check", async () => {
    const reply = await get("/api/authentication-check/");
    expect([reply.status, typeof reply.body.id]).toEqual([200, "number"]);
    expect((await fetch(`${the().url}/api/authentication-check/`)).status).toBe(403);
  });
  behaviour("auth.status", async () => {
    const { body } = await get("/api/status/");
    expect(body["netbox-version"]).toMatch(/^\d+\.\d+\.\d+/);
    expect(body).toMatchObject({ plugins: expect.anything(), "rq-workers-running": expect.any(Number) });
  });
  behaviour("auth.response-headers", async () => {
    const { headers } = await get("/api/status/");
    expect(headers.get("api-version")).toBe(the().minor);
    expect(headers.get("x-request-id")).toBeTruthy();
  });
  behaviour(
    "auth.tag-permission",
    async () => {
      const { available } = await the().prefix();
      const tag = await the().make("extras/tags", { name: "seen", slug: "seen" });
      const reply = await as(tokens.noTags)("POST", available, { tags: [{ slug: tag.slug }] });
      expect([reply.status, reply.body]).toEqual([
        400,
        { tags: ["Related object not found using the provided attributes: {'slug': 'seen'}"] },
      ]);
    },
    tokensOfLab,
  );
  behaviour(
    "auth.allocate-with-view",
    async () => {
      const { available } = await the().prefix();
      expect((await as(tokens.least)("POST", available, {})).status).toBe(201);
    },
    tokensOfLab,
  );
});

describe("filter", () => {
  behaviour("filter.unknown-ignored", async () => {
    await filled({}, {});
    const all = await count("");
    expect(all).toBeGreaterThanOrEqual(2);
    for (const query of ["mac_address=02:00:00:00:00:01", "bogus=1", "description__bogus=1"])
      expect(await count(query)).toBe(all);
  });

  behaviour("filter.tag-and", async () => {
    const [a, b] = [
      await the().make("extras/tags", { name: `a${the().run}`, slug: `a${the().run}` }),
      await the().make("extras/tags", { name: `b${the().run}`, slug: `b${the().run}` }),
    ];
    const { parent } = await filled({ tags: [a.id] }, { tags: [a.id, b.id] }, {});
    expect(await count(`tag=${a.slug}`)).toBe(2);
    expect(await count(`tag=${a.slug}&tag=${b.slug}`)).toBe(1);
    expect(await count(`tag__n=${a.slug}&${parent}`)).toBe(1);
    expect(await count(`tag_id=${b.id}`)).toBe(1);
  });

  behaviour("filter.tag-unknown", async () => {
    const reply = await get(`${addresses}?tag=nosuch`);
    expect([reply.status, reply.body]).toEqual([
      400,
      { tag: ["Select a valid choice. nosuch is not one of the available choices."] },
    ]);
  });

  behaviour("filter.status-unknown", async () => {
    const reply = await get(`${addresses}?status=bogus`);
    expect([reply.status, reply.body]).toEqual([
      400,
      { status: ["Select a valid choice. bogus is not one of the available choices."] },
    ]);
  });

  behaviour("filter.description", async () => {
    const { parent } = await filled({ description: "Lease A" }, { description: "lease a" }, { description: "" });
    expect(await count(`${parent}&description=Lease A`)).toBe(1);
    expect(await count(`${parent}&description__ie=LEASE A`)).toBe(2);
    expect(await count(`${parent}&description__ic=EASE`)).toBe(2);
    expect(await count(`${parent}&description__isw=lea`)).toBe(2);
    expect(await count(`${parent}&description__n=Lease A`)).toBe(2);
    expect(await count(`${parent}&description__empty=true`)).toBe(1);
  });

  behaviour("filter.dns-name", async () => {
    const { parent } = await filled({ dns_name: "Host.Example.org" });
    expect(await count(`${parent}&dns_name=host.example.org`)).toBe(1);
    expect(await count(`${parent}&dns_name=Host.Example.org`)).toBe(0);
    expect(await count(`${parent}&dns_name__ie=Host.Example.org`)).toBe(1);
  });

  behaviour("filter.address", async () => {
    const { net } = await filled({}, {});
    expect(await count(`address=${net}.1`)).toBe(1);
    expect(await count(`address=${net}.1/24`)).toBe(1);
    expect(await count(`address=${net}.1/32`)).toBe(0);
    expect(await count(`address=${net}.1&address=${net}.2`)).toBe(2);
    expect(await count("address=garbage")).toBe(0);
  });

  behaviour("filter.parent", async () => {
    const { net } = await filled({}, {}, {}, {});
    expect(await count(`parent=${net}.0/30`)).toBe(3);
  });

  behaviour("filter.global-vrf", async () => {
    const vrf = await the().make("ipam/vrfs", { name: `v-${the().run}` });
    const { parent } = await filled({}, { vrf: vrf.id });
    expect(await count(`${parent}&vrf_id=null`)).toBe(1);
    expect(await count(`${parent}&vrf_id=${vrf.id}`)).toBe(1);
  });

  behaviour("filter.common", async () => {
    const { parent, rows } = await filled({ description: `needle-${the().run}` }, {}, {});
    const [a, b, c] = rows;
    expect(await count(`id=${a?.id}&id=${c?.id}`)).toBe(2);
    expect(await count(`${parent}&id__gt=${b?.id}`)).toBe(1);
    expect(await count(`q=needle-${the().run}`)).toBe(1);
    expect(await count(`${parent}&created__gte=2000-01-01T00:00:00Z`)).toBe(3);
    expect(await count(`${parent}&last_updated__lte=2000-01-01T00:00:00Z`)).toBe(0);
    expect(await count(`${parent}&assigned_to_interface=true`)).toBe(0);
  });

  behaviour("filter.field-loose", async () => {
    const name = await field("loose", {});
    const { parent } = await filled({ custom_fields: { [name]: "L-1" } }, { custom_fields: { [name]: "L-1b" } }, {});
    expect(await count(`${parent}&cf_${name}=L-1`)).toBe(2);
    expect(await count(`${parent}&cf_${name}__ic=L-1b`)).toBe(3);
  });

  behaviour("filter.field-exact", async () => {
    const name = await field("exact", { filter_logic: "exact" });
    const { parent } = await filled({ custom_fields: { [name]: "L-1" } }, { custom_fields: { [name]: "L-1b" } }, {});
    expect(await count(`${parent}&cf_${name}=L-1`)).toBe(1);
    expect(await count(`${parent}&cf_${name}__ic=l-1`)).toBe(2);
  });

  behaviour("filter.field-several", async () => {
    const name = await field("several", { filter_logic: "exact" });
    await filled(
      { custom_fields: { [name]: "A" } },
      { custom_fields: { [name]: "B" } },
      { custom_fields: { [name]: "C" } },
    );
    expect(await count(`cf_${name}=A&cf_${name}=C&cf_${name}=Z`)).toBe(2);
  });

  behaviour("filter.prefixes", async () => {
    const { id, net } = await the().prefix({ description: `d-${the().run}` });
    const ids = async (query: string) =>
      (await get(`/api/ipam/prefixes/?${query}`)).body.results.map((one: { id: number }) => one.id);
    expect(await ids(`prefix=${net}.0/24`)).toEqual([id]);
    expect(await ids(`contains=${net}.7`)).toContain(id);
    expect(await ids("within=198.18.0.0/15")).toContain(id);
    expect(await ids(`description=d-${the().run}`)).toEqual([id]);
  });

  behaviour("filter.ranges", async () => {
    const { net } = await the().prefix();
    const { id } = await the().make("ipam/ip-ranges", { start_address: `${net}.100/24`, end_address: `${net}.149/24` });
    const ids = async (query: string) =>
      (await get(`/api/ipam/ip-ranges/?${query}`)).body.results.map((one: { id: number }) => one.id);
    expect(await ids(`start_address=${net}.100`)).toEqual([id]);
    expect(await ids(`parent=${net}.0/24`)).toEqual([id]);
    expect(await ids(`contains=${net}.101`)).toEqual([]);
    expect(await ids(`contains=${net}.101/24`)).toEqual([id]);
  });
});

describe("paging", () => {
  const many = () => filled(...Array.from({ length: 60 }, () => ({})));
  const page = async (query: string) => (await get(`${addresses}?${query}`)).body;

  behaviour("paging.default", async () => {
    const { parent } = await many();
    const first = await page(parent);
    expect([first.count, first.results.length, first.previous]).toEqual([60, 50, null]);
    expect(first.next.startsWith(the().url)).toBe(true);
    const second = await get(first.next.slice(the().url.length)).then(({ body }) => body);
    expect([second.results.length, second.next]).toEqual([10, null]);
  });

  behaviour("paging.limit", async () => {
    const { parent } = await many();
    expect((await page(`${parent}&limit=0`)).results).toHaveLength(60);
    expect((await page(`${parent}&limit=7`)).results).toHaveLength(7);
    for (const nonsense of ["-1", "abc"]) expect((await page(`${parent}&limit=${nonsense}`)).results).toHaveLength(50);
  });

  behaviour("paging.past-the-end", async () => {
    const { parent } = await many();
    expect((await page(`${parent}&offset=500`)).results).toEqual([]);
  });

  behaviour("paging.keyset", async () => {
    const { parent, rows } = await many();
    const first = await page(`${parent}&start=${rows[0]?.id}&limit=20`);
    expect([first.count, first.results.length]).toEqual([null, 20]);
    expect(first.next).toContain("start=");
  });

  behaviour("paging.ordering", async () => {
    const { parent, rows } = await many();
    expect((await page(`${parent}&ordering=-id&limit=1`)).results[0].id).toBe(rows.at(-1)?.id);
    expect((await get(`${addresses}?${parent}&ordering=bogus`)).status).toBe(200);
  });

  behaviour("paging.fields", async () => {
    const { parent } = await filled({});
    expect(Object.keys((await page(`${parent}&fields=id,address`)).results[0]).sort()).toEqual(["address", "id"]);
    expect((await page(`${parent}&omit=tags`)).results[0]).not.toHaveProperty("tags");
    expect((await page(`${parent}&brief=true`)).results[0]).not.toHaveProperty("custom_fields");
  });

  behaviour("paging.slash", async () => {
    const path = addresses.slice(0, -1);
    expect((await get(path)).status).toBe(301);
    const post = await the().request("POST", path, {});
    expect([post.status, post.headers.get("content-type")?.startsWith("text/html")]).toEqual([404, true]);
  });
});

describe("error", () => {
  behaviour("error.bad-json", async () => {
    const reply = await the().request("POST", addresses, '{"address": }');
    expect([reply.status, reply.body]).toEqual([
      400,
      { detail: "JSON parse error - Expecting value: line 1 column 13 (char 12)" },
    ]);
  });

  behaviour("error.not-found", async () => {
    const gone = await get(`${addresses}99999999/`);
    expect([gone.status, gone.body]).toEqual([404, { detail: "No IPAddress matches the given query." }]);
    expect((await get(`${addresses}abc/`)).body).toEqual({ detail: "Not found." });
    const page = await get("/api/no/such/page/");
    expect([page.status, page.body]).toEqual([404, undefined]);
  });

  behaviour("error.method-and-media", async () => {
    const { available } = await the().prefix();
    const method = await the().request("PUT", available, {});
    expect([method.status, method.body]).toEqual([405, { detail: 'Method "PUT" not allowed.' }]);
    const media = await the().request("POST", addresses, "x", { "Content-Type": "text/plain" });
    expect([media.status, media.body]).toEqual([415, { detail: 'Unsupported media type "text/plain" in request.' }]);
  });

  const outage = { labOnly: "needs an outage" };
  behaviour(
    "error.database-down",
    async () => {
      const { server, url } = await startNetBox();
      server.faults.add({ kind: "500-json" });
      const reply = await requester(url, tokens.admin)("GET", addresses);
      expect([reply.status, reply.body]).toEqual([
        500,
        expect.objectContaining({ exception: "OperationalError", netbox_version: "4.6.8" }),
      ]);
      await server.close();
    },
    outage,
  );
  behaviour(
    "error.cache-down",
    async () => {
      const { server, url } = await startNetBox();
      const request = requester(url, tokens.admin);
      server.faults.add({ kind: "500-html" });
      const reply = await request("POST", addresses, { address: "198.18.0.1/24" });
      expect([reply.status, reply.text]).toEqual([500, expect.stringContaining("Server Error")]);
      expect((await request("GET", addresses)).body.count).toBe(0);
      await server.close();
    },
    outage,
  );

  behaviour("error.delete-empty", async () => {
    const { rows } = await filled({});
    const reply = await the().request("DELETE", `${addresses}${rows[0]?.id}/`);
    expect([reply.status, reply.text]).toEqual([204, ""]);
  });

  behaviour("error.long-line", async () => {
    expect((await get(`${addresses}?q=${"x".repeat(4000)}`)).status).toBe(200);
    expect((await get(`${addresses}?q=${"x".repeat(4100)}`)).status).toBeGreaterThanOrEqual(400);
  });
});
