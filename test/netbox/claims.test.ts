import { claimId, readableClaim } from "../../components/address/claim";
import type { FaultKind } from "../../lab/netbox/faults";
import type { NetBoxOptions, RequestEvent } from "../../lab/netbox/server";
import { minors } from "../../lab/netbox/versions";
import { ensureClaims, type NetBoxClaim, releaseClaims } from "../../provider/netbox/claims";
import { NetBox } from "../../provider/netbox/client";
import { findSource, type Source } from "../../provider/netbox/ipam";
import { initNetBox, setupProblems } from "../../provider/netbox/setup";
import { requester, startNetBox, tokens } from "./support";

const signal = new AbortController().signal;
const open: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A prepared NetBox with one prefix, and clients for it. */
async function scene(options: Partial<NetBoxOptions> = {}, prefix = "10.83.1.0/24") {
  const seen: RequestEvent[] = [];
  const onRequest = async (event: RequestEvent) => {
    seen.push(event);
    await options.onRequest?.(event);
  };
  const { server, url } = await startNetBox({ ...options, onRequest });
  const client = (token: string = tokens.least) => {
    const netbox = NetBox.connect({ url, token }, { signal, timeoutMs: 500, pauseMs: 5 });
    open.push(() => netbox.close());
    return netbox;
  };
  open.push(() => server.close());
  const admin = client(tokens.admin);
  await initNetBox(admin, ["home"]);
  const request = requester(url, tokens.admin);
  await request("POST", "/api/ipam/prefixes/", { prefix });
  const netbox = client();
  const source = (await findSource(netbox, { from: prefix, path: "pools.nodes.prefix" })) as Source;
  const records = async () =>
    (await request("GET", "/api/ipam/ip-addresses/?limit=0")).body.results as {
      id: number;
      address: string;
      description: string;
      dns_name: string;
      tags: { slug: string }[];
      custom_fields: Record<string, string>;
    }[];
  seen.length = 0;
  return { server, url, client, netbox, source, request, records, seen };
}

function claim(owner: string, more: Partial<NetBoxClaim> = {}): NetBoxClaim {
  const identity = { site: "home", pool: "nodes", owner };
  return { id: claimId(identity), readable: readableClaim(identity), site: "home", stack: "plinth/home", ...more };
}

function claims(count: number): NetBoxClaim[] {
  return Array.from({ length: count }, (_, index) => claim(`m-${index}`));
}

describe.each(minors)("NetBox %s", (version) => {
  test("a claim gets an address with its key, tags and name, and keeps it", async () => {
    const { netbox, source, records } = await scene({ version });
    const asked = [claim("cp-1", { dnsName: "CP-1.home.example.org" })];
    const first = await ensureClaims(netbox, source, asked, signal);
    expect(first).toMatchObject({
      addresses: new Map([[asked[0]?.id, "10.83.1.1"]]),
      failures: [],
      warnings: [],
      touched: true,
    });
    expect((await records())[0]).toMatchObject({
      address: "10.83.1.1/24",
      description: "home/nodes/cp-1/address",
      dns_name: "cp-1.home.example.org",
      custom_fields: { plinth_claim: asked[0]?.id, plinth_stack: "plinth/home" },
    });
    expect((await records())[0]?.tags.map(({ slug }) => slug)).toEqual(["managed-by-plinth", "plinth-site-home"]);
    expect((await ensureClaims(netbox, source, asked, signal)).addresses).toEqual(first.addresses);
    expect(await records()).toHaveLength(1);
  });

  test("a changed claim changes its record and leaves what people added", async () => {
    const { netbox, source, records, request } = await scene({ version });
    await ensureClaims(netbox, source, [claim("cp-1")], signal);
    await request("POST", "/api/extras/tags/", { name: "rack-4", slug: "rack-4" });
    const [{ id } = { id: 0 }] = await records();
    await request("PATCH", `/api/ipam/ip-addresses/${id}/`, { tags: [{ slug: "rack-4" }], comments: "by hand" });
    await ensureClaims(netbox, source, [claim("cp-1", { dnsName: "new.example.org" })], signal);
    const [record] = await records();
    expect(record).toMatchObject({ id, dns_name: "new.example.org", comments: "by hand" });
    expect(record?.tags.map(({ slug }) => slug).sort()).toEqual(["managed-by-plinth", "plinth-site-home", "rack-4"]);
  });
});

describe("many claims", () => {
  test("250 cost five allocating writes", async () => {
    const { netbox, source, seen } = await scene({}, "10.83.0.0/23");
    const { addresses, failures } = await ensureClaims(netbox, source, claims(250), signal);
    expect(failures).toEqual([]);
    expect(new Set(addresses.values()).size).toBe(250);
    expect(seen.filter(({ method, phase }) => method === "POST" && phase === "committed")).toHaveLength(5);
  });

  test("many claims of which another stack keeps one: that one is reported, the others get theirs", async () => {
    const { netbox, source, records } = await scene();
    const [theirs] = claims(1);
    if (theirs) await ensureClaims(netbox, source, [{ ...theirs, stack: "plinth/other" }], signal);
    const { addresses, failures } = await ensureClaims(netbox, source, claims(60), signal);
    expect(failures).toEqual([
      "home/nodes/m-0/address: 10.83.1.1 is kept by the stack plinth/other; destroy it there first, or rename this claim",
    ]);
    expect(new Set(addresses.values()).size).toBe(59);
    expect(await records()).toHaveLength(60);
  });

  test("50 programs at a time get 50 addresses and leave nothing", async () => {
    const { source, client, records } = await scene();
    const asked = claims(50).map((one, index) => ({ ...one, stack: `plinth/s${index}` }));
    const results = await Promise.all(asked.map((one) => ensureClaims(client(), source, [one], signal)));
    expect(new Set(results.flatMap(({ addresses }) => [...addresses.values()])).size).toBe(50);
    await Promise.all(asked.map(({ id, stack }) => releaseClaims(client(), [id], stack)));
    expect(await records()).toEqual([]);
  });
});

describe("the same address for ever", () => {
  test("a lost state finds it again, a lost NetBox gets it back exactly", async () => {
    const one = await scene();
    const asked = claims(5);
    const { addresses } = await ensureClaims(one.netbox, one.source, asked, signal);
    expect((await ensureClaims(one.client(), one.source, asked, signal)).addresses).toEqual(addresses);

    const other = await scene();
    const remembered = asked.slice(2).map((each) => ({ ...each, last: addresses.get(each.id) ?? "" }));
    const restored = await ensureClaims(other.netbox, other.source, remembered, signal);
    expect(restored.failures).toEqual([]);
    for (const { id } of remembered) expect(restored.addresses.get(id)).toBe(addresses.get(id));
  });

  test("an address that someone else took meanwhile is reported, never taken over", async () => {
    const { netbox, source, request, records } = await scene();
    await request("POST", "/api/ipam/ip-addresses/", { address: "10.83.1.9/24", description: "printer" });
    const { failures } = await ensureClaims(
      netbox,
      source,
      [claim("cp-1", { last: "10.83.1.9" }), claim("cp-2")],
      signal,
    );
    expect(failures).toEqual(['home/nodes/cp-1/address: 10.83.1.9 is held in NetBox by "printer"']);
    expect((await records()).map(({ description }) => description).sort()).toEqual([
      "home/nodes/cp-2/address",
      "printer",
    ]);
  });

  test("a record of another stack is neither used nor released", async () => {
    const { netbox, source, records } = await scene();
    const asked = claim("cp-1");
    await ensureClaims(netbox, source, [asked], signal);
    const { failures } = await ensureClaims(netbox, source, [{ ...asked, stack: "plinth/other" }], signal);
    expect(failures).toEqual([
      "home/nodes/cp-1/address: 10.83.1.1 is kept by the stack plinth/home; destroy it there first, or rename this claim",
    ]);
    expect(await releaseClaims(netbox, [asked.id], "plinth/other")).toBe(0);
    expect(await records()).toHaveLength(1);
  });

  test("an explicit address moves the record, when it is free", async () => {
    const { netbox, source, records } = await scene();
    await ensureClaims(netbox, source, [claim("cp-1"), claim("cp-2")], signal);
    const moved = await ensureClaims(netbox, source, [claim("cp-1", { address: "10.83.1.77" })], signal);
    expect([...moved.addresses.values()]).toEqual(["10.83.1.77"]);
    const refused = await ensureClaims(netbox, source, [claim("cp-1", { address: "10.83.1.2" })], signal);
    expect(refused.failures).toEqual([
      'home/nodes/cp-1/address: 10.83.1.2 is held in NetBox by "home/nodes/cp-2/address"',
    ]);
    expect((await records()).map(({ address }) => address)).toEqual(["10.83.1.2/24", "10.83.1.77/24"]);
  });

  test("two at once for one address, where NetBox does not enforce: the older record stays", async () => {
    const { client, source, records } = await scene({ enforceGlobalUnique: false });
    const wishes = Array.from({ length: 8 }, (_, index) => claim(`m-${index}`, { address: "10.83.1.50" }));
    const results = await Promise.all(wishes.map((one) => ensureClaims(client(), source, [one], signal)));
    expect(results.filter(({ addresses }) => addresses.size === 1)).toHaveLength(1);
    expect(await records()).toHaveLength(1);
  });
});

describe("a pool that is full", () => {
  test("says so with who uses it, and NetBox is unchanged", async () => {
    const { netbox, source, records, request } = await scene({}, "10.83.1.0/29");
    await request("POST", "/api/ipam/ip-addresses/", { address: "10.83.1.1/29", description: "router" });
    await ensureClaims(netbox, source, claims(4), signal);
    const { failures, addresses } = await ensureClaims(netbox, source, [claim("x"), claim("y")], signal);
    expect(addresses.size).toBe(0);
    expect(failures).toEqual([
      "10.83.1.0/29: pool 10.83.1.0/29 has 1 of 6 addresses left, 2 are needed; in use: 10.83.1.1 router, " +
        [0, 1, 2, 3].map((n) => `10.83.1.${n + 2} home/nodes/m-${n}/address`).join(", "),
    ]);
    expect(await records()).toHaveLength(5);
    await ensureClaims(netbox, source, [claim("x")], signal);
    const full = await ensureClaims(netbox, source, [claim("y")], signal);
    expect(full.failures[0]).toContain("pool 10.83.1.0/29 is full: 6 of 6 used; in use: 10.83.1.1 router");
  });
});

describe("set-up", () => {
  test("what init makes is what every run wants, and a second init does nothing", async () => {
    const { server, url } = await startNetBox();
    open.push(() => server.close());
    const admin = NetBox.connect({ url, token: tokens.admin }, { signal });
    open.push(() => admin.close());
    const problems = (await setupProblems(admin, "home")).map(({ reason }) => reason);
    expect(problems).toEqual([
      "NetBox has no custom field plinth_claim",
      "NetBox has no custom field plinth_stack",
      "NetBox has no tag managed-by-plinth",
      "NetBox has no tag plinth-site-home",
    ]);
    expect(await initNetBox(admin, ["home"])).toEqual([
      "made the custom field plinth_claim",
      "made the custom field plinth_stack",
      "made the tag managed-by-plinth",
      "made the tag plinth-site-home",
    ]);
    expect(await setupProblems(admin, "home")).toEqual([]);
    expect(await initNetBox(admin, ["home"])).toEqual([]);
  });

  test("a loose or not unique field is found and mended", async () => {
    const { server, url } = await startNetBox();
    open.push(() => server.close());
    const request = requester(url, tokens.admin);
    await request("POST", "/api/extras/custom-fields/", {
      name: "plinth_claim",
      type: "text",
      object_types: ["ipam.ipaddress"],
    });
    const admin = NetBox.connect({ url, token: tokens.admin }, { signal });
    open.push(() => admin.close());
    const [problem] = await setupProblems(admin, "home");
    expect(problem?.reason).toBe(
      "the custom field plinth_claim is not unique: one claim could get two addresses and has loose filter logic instead of exact: looking up one claim would find others",
    );
    expect(await initNetBox(admin, ["home"])).toContain("mended the custom field plinth_claim");
    expect(await setupProblems(admin, "home")).toEqual([]);
  });
});

describe("any fault at any request", () => {
  const kinds: readonly FaultKind[] = [
    "500-json",
    "500-html",
    "502",
    "503",
    "429",
    "reset",
    "reset-after-commit",
    "duplicate-key",
    "hang",
  ];

  /** Requests that a run without faults makes. */
  async function requests(): Promise<number> {
    const { netbox, source, seen } = await scene();
    await ensureClaims(netbox, source, asked, signal);
    return seen.filter(({ phase }) => phase === "received").length;
  }

  const asked = [...claims(3), claim("vip", { address: "10.83.1.200" })];

  test.each(kinds)("%s: the same addresses, each once, at the latest when run again", async (kind) => {
    const total = await requests();
    expect(total).toBeGreaterThanOrEqual(4);
    for (let after = 0; after < total; after++) {
      const { server, netbox, source, records } = await scene();
      server.faults.add({ kind, after });
      await ensureClaims(netbox, source, asked, signal).catch(() => undefined);
      const { addresses, failures } = await ensureClaims(netbox, source, asked, signal);
      expect(failures).toEqual([]);
      expect([...addresses.values()].sort()).toEqual(["10.83.1.1", "10.83.1.2", "10.83.1.200", "10.83.1.3"]);
      expect(await records()).toHaveLength(4);
    }
  });

  test("one passing fault is not seen by who asks", async () => {
    for (const kind of ["502", "503", "429", "reset", "reset-after-commit", "500-html"] as const) {
      const { server, netbox, source } = await scene();
      server.faults.add({ kind, method: "POST" });
      server.faults.add({ kind, method: "GET" });
      const { failures, addresses } = await ensureClaims(netbox, source, asked, signal);
      expect(failures).toEqual([]);
      expect(addresses.size).toBe(4);
    }
  });
});
