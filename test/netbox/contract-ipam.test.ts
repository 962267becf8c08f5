import { behaviour, the, useSubject } from "./contract";
import { requester, startNetBox, tokens } from "./support";

useSubject();

const addresses = "/api/ipam/ip-addresses/";

async function allocate(available: string, body: unknown = {}) {
  return the().request("POST", available, body);
}

function times<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}

describe("allocate", () => {
  behaviour("allocate.single-and-list", async () => {
    const { available, net } = await the().prefix();
    const one = await allocate(available);
    expect([one.status, one.body.address]).toEqual([201, `${net}.1/24`]);
    const two = await allocate(available, [{}, {}]);
    expect([two.status, two.body.map((each: { address: string }) => each.address)]).toEqual([
      201,
      [`${net}.2/24`, `${net}.3/24`],
    ]);
  });

  behaviour("allocate.empty-list", async () => {
    const { available } = await the().prefix();
    const reply = await allocate(available, []);
    expect([reply.status, reply.body]).toEqual([201, []]);
  });

  behaviour("allocate.any-field", async () => {
    const { available } = await the().prefix();
    const tag = await the().make("extras/tags", { name: `t-${the().run}`, slug: `t-${the().run}` });
    const { body } = await allocate(available, {
      status: "dhcp",
      dns_name: "h.example.org",
      description: "lease",
      tags: [{ slug: tag.slug }],
    });
    expect(body).toMatchObject({ status: { value: "dhcp" }, dns_name: "h.example.org", description: "lease" });
    expect(body.tags.map(({ slug }: { slug: string }) => slug)).toEqual([tag.slug]);
  });

  behaviour("allocate.prefix-length", async () => {
    const { available, net } = await the().prefix();
    expect((await allocate(available, { prefix_length: 32 })).body.address).toBe(`${net}.1/32`);
    const short = await allocate(available, { prefix_length: 16 });
    expect(short.status).toBe(400);
    expect(short.body).toEqual([{ prefix_length: expect.stringMatching(/^Prefix length must be/) }]);
  });

  behaviour("allocate.address-ignored", async () => {
    const { available, net } = await the().prefix();
    const { body } = await allocate(available, { address: `${net}.200/24`, vrf: 999_999 });
    expect([body.address, body.vrf]).toEqual([`${net}.1/24`, null]);
  });

  behaviour("allocate.no-lock-value", async () => {
    const { available } = await the().prefix();
    const { headers, body } = await allocate(available);
    expect([headers.get("location"), headers.get("etag")]).toEqual([null, null]);
    expect(body.url).toContain(`${addresses}${body.id}/`);
  });

  behaviour("allocate.lowest-free", async () => {
    const { available, net } = await the().prefix();
    const [first] = (await allocate(available, [{}, {}, {}])).body;
    await the().request("DELETE", `${addresses}${first.id}/`);
    expect((await allocate(available)).body.address).toBe(`${net}.1/24`);
    expect((await allocate(available)).body.address).toBe(`${net}.4/24`);
  });

  behaviour("allocate.network-and-broadcast", async () => {
    const { net } = await the().prefix();
    const small = await the().make("ipam/prefixes", { prefix: `${net}.8/30` });
    const pool = await the().make("ipam/prefixes", { prefix: `${net}.16/30`, is_pool: true });
    const listed = async (id: number) =>
      (await the().request("GET", `/api/ipam/prefixes/${id}/available-ips/`)).body.length;
    expect([await listed(small.id), await listed(pool.id)]).toEqual([2, 4]);
  });

  behaviour("allocate.ipv6-first", async () => {
    const prefix = await the().make("ipam/prefixes", { prefix: "2001:db8:77:1::/64" });
    const { body } = await allocate(`/api/ipam/prefixes/${prefix.id}/available-ips/`);
    expect(body.address).toBe("2001:db8:77:1::1/64");
    await the().request("DELETE", `${addresses}${body.id}/`);
  });

  behaviour("allocate.container", async () => {
    const { available } = await the().prefix({ status: "container" });
    expect((await allocate(available)).status).toBe(201);
  });

  behaviour("allocate.ranges-do-not-reserve", async () => {
    const { available, net } = await the().prefix();
    await the().make("ipam/ip-ranges", {
      start_address: `${net}.1/24`,
      end_address: `${net}.9/24`,
      mark_utilized: true,
    });
    expect((await allocate(available)).body.address).toBe(`${net}.1/24`);
  });

  behaviour("allocate.populated-range", async () => {
    const { available, net } = await the().prefix();
    const range = await the().make("ipam/ip-ranges", {
      start_address: `${net}.1/24`,
      end_address: `${net}.9/24`,
      mark_populated: true,
    });
    expect((await allocate(available)).body.address).toBe(`${net}.10/24`);
    expect((await allocate(`/api/ipam/ip-ranges/${range.id}/available-ips/`)).status).toBe(409);
    const inside = await the().request("POST", addresses, { address: `${net}.5/24` });
    expect([inside.status, inside.body]).toEqual([
      400,
      { address: [`Cannot create IP address ${net}.5/24 inside range ${net}.1-9/24.`] },
    ]);
  });

  behaviour("allocate.list-available", async () => {
    const { available, net } = await the().prefix();
    const list = await the().request("GET", available);
    expect([list.body.length, list.body[0]]).toEqual([50, { family: 4, address: `${net}.1/24`, vrf: null }]);
    expect((await the().request("GET", `${available}?limit=3`)).body).toHaveLength(3);
    const small = await the().make("ipam/prefixes", { prefix: `${net}.252/31` });
    const own = `/api/ipam/prefixes/${small.id}/available-ips/`;
    await allocate(own, [{}, {}]);
    expect((await the().request("GET", own)).body).toEqual([]);
  });

  behaviour("allocate.exhausted", async () => {
    const { net } = await the().prefix();
    const small = await the().make("ipam/prefixes", { prefix: `${net}.252/31` });
    const reply = await allocate(`/api/ipam/prefixes/${small.id}/available-ips/`, [{}, {}, {}]);
    expect([reply.status, reply.body]).toEqual([
      409,
      { detail: "Insufficient resources are available to satisfy the request" },
    ]);
    expect((await the().request("GET", `${addresses}?parent=${net}.0/24`)).body.count).toBe(0);
  });

  behaviour("allocate.error-shapes", async () => {
    const { available } = await the().prefix();
    const choice = { status: ["bogus is not a valid choice."] };
    expect((await allocate(available, { status: "bogus" })).body).toEqual(choice);
    expect((await allocate(available, [{ status: "bogus" }, {}])).body).toEqual([choice, {}]);
    expect((await allocate(available, "5")).body).toEqual([
      { non_field_errors: ["Invalid data. Expected a dictionary, but got int."] },
    ]);
  });

  behaviour("allocate.unknown-prefix", async () => {
    const reply = await allocate("/api/ipam/prefixes/99999999/available-ips/");
    expect([reply.status, reply.body]).toEqual([404, { detail: "No Prefix matches the given query." }]);
  });

  behaviour("allocate.asymmetry", async () => {
    const { available } = await the().prefix();
    const { body } = await allocate(available, { status: "dhcp" });
    expect(body.status).toEqual({ value: "dhcp", label: "DHCP" });
    expect(body.family).toEqual({ value: 4, label: "IPv4" });
    expect(body).toMatchObject({ vrf: null, role: null, tags: [], nat_outside: [], assigned_object: null });
    expect(body.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  });
});

describe("concurrency", () => {
  behaviour("concurrency.parallel-allocation", async () => {
    const { available } = await the().prefix();
    const replies = await times(50, () => allocate(available));
    expect(new Set(replies.map(({ body }) => body.address)).size).toBe(50);
  });

  behaviour("concurrency.prefix-and-range", async () => {
    const { available, net } = await the().prefix();
    const range = await the().make("ipam/ip-ranges", { start_address: `${net}.1/24`, end_address: `${net}.60/24` });
    const own = `/api/ipam/ip-ranges/${range.id}/available-ips/`;
    const replies = await times(40, (index) => allocate(index % 2 === 0 ? available : own));
    expect(new Set(replies.map(({ body }) => body.address)).size).toBe(40);
  });

  behaviour("concurrency.same-address", async () => {
    const { net } = await the().prefix();
    const replies = await times(20, () => the().request("POST", addresses, { address: `${net}.9/24` }));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(400)]);
  });

  behaviour(
    "concurrency.same-address-unenforced",
    async () => {
      const { server, url } = await startNetBox({ enforceGlobalUnique: false });
      const request = requester(url, tokens.admin);
      const replies = await times(20, () => request("POST", addresses, { address: "198.18.0.9/24" }));
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
      expect((await request("GET", `${addresses}?address=198.18.0.9`)).body.count).toBe(20);
      await server.close();
    },
    { labOnly: "a setting of the server" },
  );

  behaviour("concurrency.unique-field", async () => {
    const { available } = await the().prefix();
    const name = `key_${the().run}`;
    await the().make("extras/custom-fields", {
      name,
      type: "text",
      object_types: ["ipam.ipaddress"],
      unique: true,
      filter_logic: "exact",
    });
    const replies = await times(10, () => allocate(available, { custom_fields: { [name]: "K-1" } }));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(400)]);
    const refused = replies.find(({ status }) => status === 400);
    expect(refused?.body).toEqual({ __all__: [`Custom field '${name}' must have a unique value.`] });
    expect((await the().request("GET", `${addresses}?cf_${name}=K-1`)).body.count).toBe(1);
  });
});

describe("explicit", () => {
  const create = (body: unknown) => the().request("POST", addresses, body);

  behaviour(
    "explicit.created",
    async () => {
      const { net } = await the().prefix();
      const { status, headers, body } = await create({ address: `${net}.80/24` });
      expect(status).toBe(201);
      expect(headers.get("location")).toBe(body.url);
      expect(headers.get("etag")).toMatch(/^W\/"/);
    },
    { from: "4.6" },
  );

  behaviour("explicit.without-mask", async () => {
    const { net } = await the().prefix();
    expect((await create({ address: `${net}.90` })).body.address).toBe(`${net}.90/32`);
  });

  behaviour("explicit.network-address", async () => {
    const { net } = await the().prefix();
    expect((await create({ address: `${net}.0/24` })).status).toBe(201);
    expect((await create({ address: `${net}.255/24` })).status).toBe(201);
  });

  behaviour("explicit.duplicate", async () => {
    const { net } = await the().prefix();
    await create({ address: `${net}.1/24` });
    for (const mask of [24, 32]) {
      const twin = await create({ address: `${net}.1/${mask}` });
      expect([twin.status, twin.body]).toEqual([
        400,
        { address: [`Duplicate IP address found in global table: ${net}.1/24`] },
      ]);
    }
  });

  behaviour("explicit.vrf-enforcement", async () => {
    const { net } = await the().prefix();
    const loose = await the().make("ipam/vrfs", { name: `loose-${the().run}`, enforce_unique: false });
    const strict = await the().make("ipam/vrfs", { name: `strict-${the().run}`, enforce_unique: true });
    const twice = async (vrf: number) => {
      await create({ address: `${net}.3/24`, vrf });
      return (await create({ address: `${net}.3/24`, vrf })).status;
    };
    expect([await twice(loose.id), await twice(strict.id)]).toEqual([201, 400]);
    await the().request(
      "DELETE",
      addresses,
      (await the().request("GET", `${addresses}?address=${net}.3`)).body.results,
    );
  });

  behaviour("explicit.bulk-trap", async () => {
    const { net } = await the().prefix();
    expect((await create([{ address: `${net}.7/24` }, { address: `${net}.7/24` }])).status).toBe(201);
    expect((await the().request("GET", `${addresses}?address=${net}.7`)).body.count).toBe(2);
  });

  behaviour("explicit.bulk-all-or-nothing", async () => {
    const { net } = await the().prefix();
    await create({ address: `${net}.1/24` });
    const reply = await create([{ address: `${net}.2/24` }, { address: `${net}.1/24` }]);
    expect([reply.status, reply.body]).toEqual([
      400,
      [{}, { address: [`Duplicate IP address found in global table: ${net}.1/24`] }],
    ]);
    expect((await the().request("GET", `${addresses}?address=${net}.2`)).body.count).toBe(0);
  });

  behaviour("explicit.duplicate-prefix", async () => {
    const { net } = await the().prefix();
    const reply = await the().request("POST", "/api/ipam/prefixes/", { prefix: `${net}.0/24` });
    expect([reply.status, reply.body]).toEqual([
      400,
      { prefix: [`Duplicate prefix found in global table: ${net}.0/24`] },
    ]);
  });

  behaviour("explicit.overlapping-range", async () => {
    const { net } = await the().prefix();
    await the().make("ipam/ip-ranges", { start_address: `${net}.100/24`, end_address: `${net}.149/24` });
    const reply = await the().request("POST", "/api/ipam/ip-ranges/", {
      start_address: `${net}.140/24`,
      end_address: `${net}.160/24`,
    });
    expect([reply.status, reply.body]).toEqual([
      400,
      { __all__: [`Defined addresses overlap with range ${net}.100-149/24 in VRF None`] },
    ]);
  });

  behaviour("explicit.host-bits", async () => {
    const reply = await the().request("POST", "/api/ipam/prefixes/", { prefix: "2001:db8:1::5/64" });
    expect([reply.status, reply.body]).toEqual([
      400,
      { prefix: ["2001:db8:1::5/64 is not a valid prefix. Did you mean 2001:db8:1::/64?"] },
    ]);
  });
});
