import type { PoolInputs } from "../../components/address/IpPool";
import { type PoolState, stackOf } from "../../provider/address/backend";
import type { Ledger, LedgerEntry } from "../../provider/address/ledger";
import { netboxBackend } from "../../provider/address/netbox";
import { pool } from "../../provider/address/Pool";
import { Siblings } from "../../provider/address/siblings";
import { staticBackend } from "../../provider/address/static";
import { conformance } from "../provider/conformance";
import { listen } from "../provider/context";
import { Recorder } from "../provider/faults";
import { netboxWorld } from "./world";

class MemoryLedger implements Ledger {
  readonly pools = new Map<string, LedgerEntry>();
  private key = ({ stack, site, vrf, pool: name }: LedgerEntry) => [stack, site, vrf, name].join("|");
  fileOf = (entry: LedgerEntry) => `${this.key(entry)}.json`;
  entries = async () => [...this.pools.values()].map((entry) => ({ ...entry, file: this.fileOf(entry) }));
  enter = async (entry: LedgerEntry) => void this.pools.set(this.key(entry), entry);
  leave = async (entry: LedgerEntry) => void this.pools.delete(this.key(entry));
}

const never = netboxBackend(() => {
  throw new Error("a static pool asks no NetBox");
});

const staticInputs: PoolInputs = {
  site: "home",
  name: "nodes",
  range: "10.0.3.4-10.0.3.20",
  reserved: { "network.gateway": "10.0.3.4" },
  claims: { "cp-1": {}, "cp-2": {}, vip: { purpose: "vip", address: "10.0.3.20" } },
};

function staticWorld(now: () => Date = () => new Date("2026-11-21T00:00:00Z")) {
  const recorder = new Recorder(() => new Error("connection refused"));
  const memory = new MemoryLedger();
  const ledger = recorder.wrap<Ledger>(memory, new Set(["enter", "leave"]));
  return {
    resource: pool({ static: staticBackend(ledger, now), netbox: never }, new Siblings()),
    recorder,
    memory,
    snapshot: () => [...memory.pools.values()],
  };
}

conformance("Pool (static)", {
  make: staticWorld,
  inputs: staticInputs,
  changed: {
    ...staticInputs,
    range: "10.0.3.4-10.0.3.30",
    claims: { "cp-1": {}, "cp-3": {}, vip: { purpose: "vip", address: "10.0.3.21" } },
  },
  bad: {
    inputs: {
      ...staticInputs,
      claims: { a: { address: "10.0.9.9" }, b: { address: "2001:db8::1" }, c: { address: "10.0.3.4" } },
    },
    paths: ["claims.a.address", "claims.b.address", "claims.c.address"],
  },
  secrets: [],
  privileged: [],
});

function netbox() {
  const { backend, ...rest } = netboxWorld();
  return { resource: pool({ static: staticBackend(new MemoryLedger()), netbox: backend }, new Siblings()), ...rest };
}

const netboxInputs: PoolInputs = {
  site: "home",
  name: "nodes",
  backend: "netbox",
  prefix: "10.0.3.0/27",
  reserved: { "network.gateway": "10.0.3.1" },
  claims: { "cp-1": { dnsName: "cp-1.home" }, "cp-2": {}, vip: { purpose: "vip", address: "10.0.3.20" } },
};

const port = (device: string, last: string) => ({ device, interface: "net0", mac: `52:54:00:00:00:${last}` });
const registered: PoolInputs = {
  ...netboxInputs,
  deviceKind: { type: "node", role: "node" },
  claims: {
    "cp-1": { register: port("cp-1", "01") },
    "cp-2": { register: port("cp-2", "02") },
    "cp-3": { register: port("cp-3", "03") },
  },
};
const reregistered: PoolInputs = {
  ...registered,
  claims: { "cp-1": { register: port("cp-1", "11") }, "cp-2": {}, "cp-4": { register: port("cp-4", "04") } },
};

conformance("Pool (netbox, registered)", {
  make: netbox,
  inputs: registered,
  changed: reregistered,
  bad: {
    inputs: { ...registered, claims: { a: { register: { device: "", interface: "net0", mac: "52:54" } } } },
    paths: ["claims.a.register.device", "claims.a.register.mac"],
  },
  secrets: [],
  privileged: [],
});

conformance("Pool (netbox)", {
  make: netbox,
  inputs: netboxInputs,
  changed: {
    ...netboxInputs,
    claims: { "cp-1": { dnsName: "one.home" }, "cp-3": {}, vip: { purpose: "vip", address: "10.0.3.21" } },
  },
  bad: {
    inputs: {
      ...netboxInputs,
      claims: { a: { address: "10.0.9.9" }, b: { address: "2001:db8::1" }, c: { address: "10.0.3.1" } },
    },
    paths: ["claims.a.address", "claims.b.address", "claims.c.address"],
  },
  secrets: [],
  privileged: [],
});

describe("Pool (static)", () => {
  async function made(inputs = staticInputs, world = staticWorld()) {
    const { outputs } = await world.resource.create(inputs, listen().context);
    return { world, state: { inputs, outputs } as PoolState };
  }
  async function change({ world, state }: Awaited<ReturnType<typeof made>>, inputs: PoolInputs) {
    const { outputs } = await world.resource.update("home/nodes", state, inputs, listen().context);
    return { world, state: { inputs, outputs } as PoolState };
  }
  const claims = (...owners: string[]) => Object.fromEntries(owners.map((owner) => [owner, {}]));

  test("preview already shows the addresses that the update then gives", async () => {
    const { resource } = staticWorld();
    const heard = listen();
    const preview = await resource.preview(staticInputs as never, undefined, heard.context);
    expect(preview).toEqual({ addresses: { "cp-1": "10.0.3.5", "cp-2": "10.0.3.6", vip: "10.0.3.20" } });
    expect(heard.lines).toEqual(["cp-1 gets 10.0.3.5, cp-2 gets 10.0.3.6, vip gets 10.0.3.20"]);
    const { state } = await made();
    expect(state.outputs.addresses).toEqual((preview as PoolState["outputs"]).addresses);
  });

  test("no address moves when claims come, go and change places", async () => {
    const first = await made({ ...staticInputs, claims: claims("b", "c", "d") });
    const second = await change(first, { ...staticInputs, claims: claims("d", "a", "c") });
    expect(second.state.outputs.addresses).toMatchObject({ c: "10.0.3.6", d: "10.0.3.7", a: "10.0.3.8" });
  });

  test("a freed address rests for a change and for a time that is read from the state", async () => {
    let time = new Date("2026-11-21T00:00:00Z");
    const inputs = {
      ...staticInputs,
      range: "10.0.3.5-10.0.3.6",
      reserved: {},
      quarantine: { generations: 1, minimum: "1h" },
    };
    const world = staticWorld(() => time);
    let now = await made({ ...inputs, claims: claims("a", "b") }, world);
    now = await change(now, { ...inputs, claims: claims("b") });
    expect(now.state.outputs.resting).toEqual([
      { id: expect.any(String), address: "10.0.3.5", generation: 2, until: "2026-11-21T01:00:00.000Z" },
    ]);
    const wanted = { ...inputs, claims: claims("b", "c") };
    const refused = () => world.resource.diff(now.state, wanted as never, listen().context);
    await expect(refused()).rejects.toThrow(
      "pool 10.0.3.5-10.0.3.6 is full: 1 of 2 used, 1 at rest until 2026-11-21T01:00:00.000Z; none for c",
    );

    // Time alone is not enough, and nothing but a look at the clock by a refresh or an update makes it pass.
    time = new Date("2026-11-21T02:00:00Z");
    await expect(refused()).rejects.toThrow("at rest");
    const seen = await world.resource.read("home/nodes", now.state, listen().context);
    now = { world, state: seen as PoolState };
    await expect(refused()).rejects.toThrow("at rest");
    now = await change(now, { ...inputs, claims: claims("b"), exclude: ["10.0.3.99"] });
    now = await change(now, wanted);
    expect(now.state.outputs.addresses).toEqual({ b: "10.0.3.6", c: "10.0.3.5" });
    expect(now.state.outputs.resting).toEqual([]);
  });

  test("a claim that comes back gets its own address back", async () => {
    let now = await made({ ...staticInputs, claims: claims("a", "b") });
    now = await change(now, { ...staticInputs, claims: claims("b") });
    now = await change(now, { ...staticInputs, claims: claims("b", "c") });
    now = await change(now, { ...staticInputs, claims: claims("a", "b", "c") });
    expect(now.state.outputs.addresses).toEqual({ a: "10.0.3.5", b: "10.0.3.6", c: "10.0.3.7" });
    expect(now.state.outputs.resting).toEqual([]);
  });

  test("a range that another stack of the site has too is refused, unless they are disjoint", async () => {
    const world = staticWorld();
    world.memory.pools.set("x", { stack: "plinth/other", site: "home", vrf: "", pool: "lan", range: "10.0.3.16/28" });
    const [problem] = await world.resource.check(staticInputs as never, listen().context);
    expect(problem).toEqual({
      path: "range",
      reason: "the static pool lan of the stack plinth/other gives addresses of 10.0.3.16/28 too",
      fix: "make the ranges disjoint, or share the pool through NetBox; if that stack is gone, remove plinth/other|home||lan.json",
    });
    const disjoint = { ...staticInputs, range: "10.0.3.4-10.0.3.15", claims: claims("a") };
    expect(await world.resource.check(disjoint as never, listen().context)).toEqual([]);
    await world.resource.create(disjoint, listen().context);
    await world.resource.delete(
      "home/nodes",
      { inputs: disjoint, outputs: (await made(disjoint)).state.outputs },
      listen().context,
    );
    expect([...world.memory.pools.values()].map(({ pool: name }) => name)).toEqual(["lan"]);
  });

  test("two pools of one program may share neither a claim nor an address", async () => {
    const { resource } = staticWorld();
    const declare = (name: string, inputs: PoolInputs) => {
      const { context } = listen();
      return resource.check(inputs as never, {
        ...context,
        urn: `urn:pulumi:test::test::plinth:address:Pool::${name}`,
      });
    };
    expect(await declare("one", { ...staticInputs, claims: claims("a") })).toEqual([]);
    expect(await declare("one", { ...staticInputs, claims: claims("a") })).toEqual([]);
    expect(
      (await declare("two", { ...staticInputs, claims: claims("a") })).map(({ path, reason }) => `${path}: ${reason}`),
    ).toEqual([
      "claims.a: the claim home/nodes/a/address is declared twice: one has it too",
      "range: overlaps 10.0.3.4-10.0.3.20 of the static pool one",
    ]);
    expect(
      await declare("three", {
        ...staticInputs,
        name: "lan",
        range: "10.0.4.4-10.0.4.9",
        reserved: {},
        claims: claims("a"),
      }),
    ).toEqual([]);
  });

  test("a site, name, VRF or backend that changes is refused while there are claims", async () => {
    const { world, state } = await made();
    const renamed = { ...staticInputs, site: "away", vrf: "blue" };
    await expect(async () => world.resource.diff(state, renamed as never, listen().context)).rejects.toThrow(
      "  - site: home became away: every claim of the pool would get another address (release the claims first, or declare a new pool beside it)\n" +
        "  - vrf: (none) became blue:",
    );
  });

  test("every mistake of writing is found at once", async () => {
    const { resource } = staticWorld();
    const problems = await resource.check(
      {
        ...staticInputs,
        range: "10.0.3.7/24",
        prefix: "10.0.3.0/24",
        exclude: ["x"],
        claims: { a: { address: "10.0.3" } },
      } as never,
      listen().context,
    );
    expect(problems.map(({ path }) => path)).toEqual(["prefix", "range", "exclude[0]", "claims.a.address"]);
  });

  test("the diff names the claims that changed, and nothing else", async () => {
    const { world, state } = await made();
    const after = {
      ...staticInputs,
      claims: { "cp-1": {}, "cp-9": {}, vip: { purpose: "vip", address: "10.0.3.19" } },
    };
    expect(await world.resource.diff(state, after as never, listen().context)).toEqual([
      { path: 'claims["cp-2"]', kind: "delete" },
      { path: "claims.vip", kind: "update" },
      { path: 'claims["cp-9"]', kind: "add" },
    ]);
  });
});

describe("Pool (netbox)", () => {
  const create = async (world: ReturnType<typeof netbox>, inputs = netboxInputs) => {
    const { outputs } = await world.resource.create(inputs, listen().context);
    return { inputs, outputs } as PoolState;
  };

  test("the first preview says what is next and reserves nothing", async () => {
    const world = netbox();
    const heard = listen();
    await world.resource.preview(netboxInputs as never, undefined, heard.context);
    expect(heard.lines).toEqual(["cp-1, cp-2: next free, not reserved: 10.0.3.1, 10.0.3.2"]);
    expect(world.local.records()).toEqual([]);
  });

  test("a refresh after NetBox lost everything keeps the addresses in mind, and the update takes them back", async () => {
    const world = netbox();
    const state = await create(world);
    for (const { id } of world.local.store.all("ip-addresses")) world.local.send("DELETE", `ipam/ip-addresses/${id}/`);
    world.local.send("POST", "ipam/ip-addresses/", { address: "10.0.3.9/27" });
    const seen = (await world.resource.read("home/nodes", state, listen().context)) as PoolState;
    expect(seen.outputs.pending).toEqual(["cp-1", "cp-2", "vip"]);
    expect(await world.resource.diff(seen, netboxInputs as never, listen().context)).toHaveLength(3);
    const after = await world.resource.update("home/nodes", seen, netboxInputs, listen().context);
    expect(after.outputs.addresses).toEqual(state.outputs.addresses);
  });

  test("reserved addresses are written down and go with the pool", async () => {
    const world = netbox();
    const state = await create(world);
    expect(world.local.records()[0]).toMatchObject({
      address: "10.0.3.1/27",
      status: "reserved",
      description: "reserved: network.gateway",
    });
    expect(state.outputs.addresses).toEqual({ "cp-1": "10.0.3.2", "cp-2": "10.0.3.3", vip: "10.0.3.20" });
    const heard = listen();
    await world.resource.delete("home/nodes", state, heard.context);
    expect(world.local.records()).toEqual([]);
    expect(heard.acts.map(({ act, target }) => [act, target])).toEqual([["release-address", "home/nodes"]]);
  });

  test("registers site, device, interface and MAC, links the address, and takes back only what it made", async () => {
    const world = netbox();
    const { local } = world;
    local.send("POST", "dcim/sites/", { name: "home", slug: "home" });
    local.send("POST", "dcim/devices/", {
      name: "cp-3",
      site: { slug: "home" },
      device_type: { slug: "node" },
      role: { slug: "node" },
    });
    const state = await create(world, registered);
    expect(local.ports().sort()).toEqual([
      "cp-1/net0 52:54:00:00:00:01 (1) 10.0.3.2/27",
      "cp-2/net0 52:54:00:00:00:02 (1) 10.0.3.3/27",
      "cp-3/net0 52:54:00:00:00:03 (1) 10.0.3.4/27",
    ]);
    const { outputs } = await world.resource.update("home/nodes", state, reregistered, listen().context);
    expect(local.ports().sort()).toEqual([
      "cp-1/net0 52:54:00:00:00:11 (1) 10.0.3.2/27",
      "cp-4/net0 52:54:00:00:00:04 (1) 10.0.3.5/27",
    ]);
    await world.resource.delete("home/nodes", { inputs: reregistered, outputs }, listen().context);
    expect(local.store.all("devices").map(({ name }) => name)).toEqual(["cp-3"]);
    expect([local.ports(), local.records(), local.store.all("mac-addresses")]).toEqual([[], [], []]);
  });

  test("a device that does not exist is not made without its type and role", async () => {
    const world = netbox();
    const { deviceKind: _, ...inputs } = registered;
    const { failures } = await world.resource.create(inputs, listen().context);
    expect(failures?.[0]).toBe("cp-1/net0: NetBox has no device cp-1 in the site home");
  });

  test("a pool that is too full is refused at preview with who uses it, and NetBox is unchanged", async () => {
    const world = netbox();
    world.local.send("POST", "ipam/prefixes/", { prefix: "10.0.4.0/30" });
    world.local.send("POST", "ipam/ip-addresses/", { address: "10.0.4.1/30", description: "router" });
    const inputs = { ...netboxInputs, prefix: "10.0.4.0/30", reserved: {}, claims: { a: {}, b: {} } };
    expect(await world.resource.check(inputs as never, listen().context)).toEqual([
      {
        path: "prefix",
        reason: "pool 10.0.4.0/30 has 1 of 2 addresses left, 2 are needed; in use: 10.0.4.1 router",
        fix: "widen it, or release addresses",
      },
    ]);
    await expect(world.resource.create(inputs, listen().context)).rejects.toThrow("has 1 of 2 addresses left");
    expect(world.local.records()).toHaveLength(1);
  });

  test("a pool smaller than its claims, a missing prefix and a missing VRF are problems with a path", async () => {
    const world = netbox();
    const check = async (inputs: object) =>
      (await world.resource.check({ ...netboxInputs, ...inputs } as never, listen().context)).map(
        ({ path, reason }) => `${path}: ${reason}`,
      );
    expect(await check({ prefix: "10.9.0.0/24" })).toEqual([
      "prefix: NetBox has no prefix 10.9.0.0/24 in the global table",
    ]);
    expect(await check({ vrf: "blue" })).toEqual(["prefix: NetBox has no VRF blue"]);
    world.local.send("POST", "ipam/prefixes/", { prefix: "10.0.4.0/30" });
    expect(await check({ prefix: "10.0.4.0/30", claims: { a: {}, b: {}, c: {} } })).toEqual([
      ": pool 10.0.4.1-10.0.4.2 has 2 left for 3 claims: 0 of 2 used; none for a, b, c",
    ]);
  });

  test("a stack is known by its project and its name", () => {
    expect(stackOf("urn:pulumi:home::plinth::plinth:address:Pool::nodes")).toBe("plinth/home");
  });
});
