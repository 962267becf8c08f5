import { behaviour, the, useSubject } from "./contract";

useSubject();

const addresses = "/api/ipam/ip-addresses/";

async function address(more: object = {}) {
  const { net } = await the().prefix();
  const { body, headers } = await the().request("POST", addresses, { address: `${net}.1/24`, ...more });
  const path = `${addresses}${body.id}/`;
  const patch = (change: unknown, extra: Record<string, string> = {}) => the().request("PATCH", path, change, extra);
  return { body, path, net, etag: headers.get("etag") ?? "", patch };
}

async function tag(name: string) {
  return the().make("extras/tags", { name: `${name}-${the().run}`, slug: `${name}-${the().run}` });
}

async function field(name: string, more: object = {}) {
  const made = await the().make("extras/custom-fields", {
    name: `${name}_${the().run}`,
    type: "text",
    object_types: ["ipam.ipaddress"],
    ...more,
  });
  return String(made.name);
}

const slugs = (body: { tags: { slug: string }[] }) => body.tags.map(({ slug }) => slug).sort();

describe("change", () => {
  behaviour(
    "change.answers-object",
    async () => {
      const { patch, etag } = await address();
      const reply = await patch({ description: "x" });
      expect([reply.status, reply.body.description]).toEqual([200, "x"]);
      expect(reply.headers.get("etag")).not.toBe(etag);
    },
    { from: "4.6" },
  );

  behaviour("change.tags-replace", async () => {
    const [a, b] = [await tag("a"), await tag("b")];
    const { patch } = await address({ tags: [{ slug: a.slug }] });
    expect(slugs((await patch({ tags: [{ slug: b.slug }] })).body)).toEqual([b.slug]);
    expect(slugs((await patch({ tags: [] })).body)).toEqual([]);
  });

  behaviour(
    "change.tags-incremental",
    async () => {
      const [a, b] = [await tag("a"), await tag("b")];
      const { patch } = await address({ tags: [{ slug: a.slug }] });
      expect(slugs((await patch({ add_tags: [{ slug: b.slug }] })).body)).toEqual([a.slug, b.slug]);
      expect(slugs((await patch({ remove_tags: [{ slug: a.slug }] })).body)).toEqual([b.slug]);
      expect(slugs((await patch({ tags: [{ slug: a.slug }], add_tags: [{ slug: b.slug }] })).body)).toEqual([a.slug]);
    },
    { from: "4.6" },
  );

  behaviour("change.tag-forms", async () => {
    const a = await tag("a");
    const { patch } = await address();
    for (const form of [a.id, { slug: a.slug }, { name: a.name }]) {
      expect(slugs((await patch({ tags: [form] })).body)).toEqual([a.slug]);
    }
    const bare = await patch({ tags: [a.slug] });
    const message = `Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: ${a.slug}`;
    expect([bare.status, bare.body]).toEqual([400, { tags: [message] }]);
  });

  behaviour("change.tag-unknown", async () => {
    const { patch } = await address();
    const reply = await patch({ tags: [{ slug: "no-such-tag" }] });
    expect([reply.status, reply.body]).toEqual([
      400,
      { tags: ["Related object not found using the provided attributes: {'slug': 'no-such-tag'}"] },
    ]);
  });

  behaviour("change.fields-merged", async () => {
    const [one, two] = [await field("one"), await field("two")];
    const { patch } = await address({ custom_fields: { [one]: "1" } });
    const { body } = await patch({ custom_fields: { [two]: "2" } });
    expect(body.custom_fields).toMatchObject({ [one]: "1", [two]: "2" });
  });

  behaviour("change.field-unknown", async () => {
    const { patch } = await address();
    const reply = await patch({ custom_fields: { nope: 1 } });
    expect([reply.status, reply.body]).toEqual([
      400,
      { custom_fields: { nope: "Custom field 'nope' does not exist for this object type." } },
    ]);
  });

  behaviour("change.field-bad-value", async () => {
    const expiry = await field("expiry", { type: "datetime" });
    const { patch } = await address();
    const reply = await patch({ custom_fields: { [expiry]: "soon" } });
    const message = `Invalid value for custom field '${expiry}': Date and time values must be in ISO 8601 format (YYYY-MM-DD HH:MM:SS).`;
    expect([reply.status, reply.body]).toEqual([400, { __all__: [message] }]);
  });

  behaviour("change.dns-name", async () => {
    const { patch } = await address();
    expect((await patch({ dns_name: "Host.Example.ORG" })).body.dns_name).toBe("host.example.org");
    const bad = await patch({ dns_name: "no spaces" });
    expect([bad.status, Object.keys(bad.body)]).toEqual([400, ["dns_name"]]);
  });

  behaviour("change.description-length", async () => {
    const { patch } = await address();
    expect((await patch({ description: "x".repeat(200) })).status).toBe(200);
    expect((await patch({ description: "x".repeat(201) })).status).toBe(400);
  });

  behaviour("change.unknown-ignored", async () => {
    const { patch, body } = await address();
    const reply = await patch({ no_such_field: 1 });
    expect(reply.status).toBe(200);
    expect(reply.body.last_updated).not.toBe(body.last_updated);
  });

  behaviour("change.bad-relation", async () => {
    const { patch } = await address();
    const vrf = await patch({ vrf: 424_242 });
    expect([vrf.status, vrf.body]).toEqual([
      400,
      { vrf: ["Related object not found using the provided numeric ID: 424242"] },
    ]);
    const port = await patch({ assigned_object_type: "dcim.interface", assigned_object_id: 999_999 });
    expect([port.status, port.body]).toEqual([
      400,
      { assigned_object_id: ["Related object not found using the provided value: 999999."] },
    ]);
  });

  behaviour("change.statuses", async () => {
    const { patch } = await address();
    for (const status of ["active", "reserved", "deprecated", "dhcp", "slaac"]) {
      expect((await patch({ status })).body.status.value).toBe(status);
    }
    expect((await patch({ status: "bogus" })).body).toEqual({ status: ["bogus is not a valid choice."] });
  });

  behaviour("change.changelog-message", async () => {
    const { patch } = await address();
    expect((await patch({ description: "y", changelog_message: "why" })).status).toBe(200);
  });

  behaviour("change.bulk", async () => {
    const { net } = await the().prefix();
    const { body } = await the().request("POST", addresses, [{ address: `${net}.1/24` }, { address: `${net}.2/24` }]);
    const ids: number[] = body.map(({ id }: { id: number }) => id);
    const patched = await the().request(
      "PATCH",
      addresses,
      ids.map((id) => ({ id, description: `d-${id}` })),
    );
    expect(patched.body.map(({ description }: { description: string }) => description)).toEqual(
      ids.map((id) => `d-${id}`),
    );
    expect(
      (
        await the().request(
          "DELETE",
          addresses,
          ids.map((id) => ({ id })),
        )
      ).status,
    ).toBe(204);
    expect((await the().request("GET", `${addresses}?parent=${net}.0/24`)).body.count).toBe(0);
  });

  behaviour("change.delete-gone", async () => {
    const { path, body } = await address();
    expect((await the().request("DELETE", path)).status).toBe(204);
    expect((await the().request("DELETE", path)).status).toBe(404);
    expect((await the().request("DELETE", addresses, [{ id: body.id }])).status).toBe(204);
  });
});

describe("lock", () => {
  const since46 = { from: "4.6" };

  behaviour(
    "lock.weak-etag",
    async () => {
      const { body, etag, path } = await address();
      expect(etag).toBe(`W/"${body.last_updated.replace("Z", "+00:00")}"`);
      expect((await the().request("GET", path)).headers.get("etag")).toBe(etag);
    },
    since46,
  );

  behaviour(
    "lock.stale",
    async () => {
      const { patch, etag, path } = await address();
      const current = (await patch({ description: "newer" })).headers.get("etag");
      const stale = await patch({ description: "late" }, { "If-Match": etag });
      expect([stale.status, stale.body, stale.headers.get("etag")]).toEqual([
        412,
        { detail: "Precondition failed." },
        current,
      ]);
      expect((await the().request("DELETE", path, undefined, { "If-Match": etag })).status).toBe(412);
    },
    since46,
  );

  behaviour(
    "lock.star",
    async () => {
      const { patch } = await address();
      expect((await patch({ description: "x" }, { "If-Match": "*" })).status).toBe(200);
    },
    since46,
  );

  behaviour(
    "lock.verbatim",
    async () => {
      const { patch, etag } = await address();
      expect((await patch({ description: "x" }, { "If-Match": etag.replace("W/", "") })).status).toBe(412);
      expect((await patch({ description: "x" }, { "If-Match": etag })).status).toBe(200);
    },
    since46,
  );

  behaviour(
    "lock.bulk-stale",
    async () => {
      const { body, etag, patch } = await address();
      await patch({ description: "newer" });
      const reply = await the().request("PATCH", addresses, [{ id: body.id, description: "late" }], {
        "If-Match": etag,
      });
      expect(reply.status).toBe(412);
    },
    since46,
  );

  behaviour(
    "lock.one-winner",
    async () => {
      const { patch, etag } = await address();
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, index) => patch({ description: `d${index}` }, { "If-Match": etag })),
      );
      expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)]);
    },
    since46,
  );

  behaviour("lock.no-conditional-get", async () => {
    const { path, etag } = await address();
    expect((await the().request("GET", path, undefined, { "If-None-Match": etag })).status).toBe(200);
  });

  behaviour("lock.missing-object", async () => {
    const reply = await the().request("PATCH", `${addresses}99999999/`, {}, { "If-Match": '"x"' });
    expect(reply.status).toBe(404);
  });

  behaviour("lock.not-in-lists", async () => {
    expect((await the().request("GET", addresses)).headers.get("etag")).toBeNull();
  });
});

describe("mac", () => {
  async function port(more: object = {}) {
    const { run, make } = the();
    const site = await make("dcim/sites", { name: `s-${run}`, slug: `s-${run}` });
    const maker = await make("dcim/manufacturers", { name: `m-${run}`, slug: `m-${run}` });
    const type = await make("dcim/device-types", { manufacturer: maker.id, model: `t-${run}`, slug: `t-${run}` });
    const role = await make("dcim/device-roles", { name: `r-${run}`, slug: `r-${run}` });
    const device = await make("dcim/devices", { name: `d-${run}`, device_type: type.id, role: role.id, site: site.id });
    return make("dcim/interfaces", { device: device.id, name: "eth0", type: "other", ...more });
  }
  const assigned = (mac: string, id: number) => ({
    mac_address: mac,
    assigned_object_type: "dcim.interface",
    assigned_object_id: id,
  });

  behaviour("mac.dropped", async () => {
    expect((await port({ mac_address: "02:00:00:00:00:01" })).mac_address).toBeNull();
  });

  behaviour("mac.primary", async () => {
    const own = await port();
    const mac = await the().make("dcim/mac-addresses", assigned("02:00:00:00:00:01", own.id));
    const { body } = await the().request("PATCH", `/api/dcim/interfaces/${own.id}/`, { primary_mac_address: mac.id });
    expect([body.mac_address, body.primary_mac_address.id, body.mac_addresses.length]).toEqual([
      "02:00:00:00:00:01",
      mac.id,
      1,
    ]);
  });

  behaviour("mac.normal-form", async () => {
    for (const spelling of ["0200.00AB.0001", "02-00-00-ab-00-01", "02:00:00:ab:00:01"]) {
      expect((await the().make("dcim/mac-addresses", { mac_address: spelling })).mac_address).toBe("02:00:00:AB:00:01");
      const { body } = await the().request("GET", `/api/dcim/mac-addresses/?mac_address=${spelling}`);
      expect(body.count).toBeGreaterThan(0);
    }
  });

  behaviour("mac.bad", async () => {
    const reply = await the().request("POST", "/api/dcim/mac-addresses/", { mac_address: "zz:00" });
    expect([reply.status, reply.body]).toEqual([400, { mac_address: ["Invalid MAC address format: zz:00"] }]);
  });

  behaviour("mac.not-unique", async () => {
    const [one, two] = [
      await the().make("dcim/mac-addresses", { mac_address: "02:00:00:00:00:07" }),
      await the().make("dcim/mac-addresses", { mac_address: "02:00:00:00:00:07" }),
    ];
    expect(one.id).not.toBe(two.id);
  });

  behaviour("mac.delete-primary", async () => {
    const own = await port();
    const mac = await the().make("dcim/mac-addresses", assigned("02:00:00:00:00:01", own.id));
    await the().request("PATCH", `/api/dcim/interfaces/${own.id}/`, { primary_mac_address: mac.id });
    expect((await the().request("DELETE", `/api/dcim/mac-addresses/${mac.id}/`)).status).toBe(204);
    expect((await the().request("GET", `/api/dcim/interfaces/${own.id}/`)).body.primary_mac_address).toBeNull();
  });

  behaviour("mac.two-steps", async () => {
    const own = await port();
    const { net } = await the().prefix();
    await the().make("dcim/mac-addresses", assigned("02:00:00:77:00:01", own.id));
    const on = { assigned_object_type: "dcim.interface", assigned_object_id: own.id };
    await the().request("POST", addresses, { address: `${net}.5/24`, ...on });
    const { body: ports } = await the().request("GET", "/api/dcim/interfaces/?mac_address=02:00:00:77:00:01");
    expect(ports.results.map(({ id }: { id: number }) => id)).toEqual([own.id]);
    const { body } = await the().request("GET", `${addresses}?interface_id=${own.id}`);
    expect(body.results.map((one: { address: string }) => one.address)).toEqual([`${net}.5/24`]);
  });
});
