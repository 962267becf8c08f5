import type { ServerInputs, ServerOutputs } from "../../components/machine/latitude/LatitudeServer";
import { formatProblem } from "../../components/problem";
import { type Draft, unknown } from "../../provider/draft";
import { latitude } from "../../provider/latitude/client";
import { latitudeServer } from "../../provider/latitude/Server";
import { conformance } from "../provider/conformance";
import { listen } from "../provider/context";
import { TOKEN } from "./fake";
import { NOW, server, World } from "./world";

conformance<ServerInputs, ServerOutputs>("latitude:Server", {
  make: () => {
    const world = new World();
    return Object.assign(world, { resource: world.server });
  },
  inputs: server,
  changed: { ...server, billing: "monthly" },
  bad: {
    inputs: { ...server, hostname: "cp_1.home", ipxe: "tftp://10.0.0.1", generation: 0 },
    paths: ["hostname", "ipxe", "generation"],
  },
  secrets: [TOKEN],
  privileged: ["order", "release"],
  lose: (world) => {
    (world as unknown as World).fake.servers.length = 0;
  },
});

const draft = (inputs: ServerInputs): Draft<ServerInputs> => inputs as Draft<ServerInputs>;
const asked = async (inputs: ServerInputs, world = new World()) =>
  (await world.server.check(draft(inputs), listen().context)).map(formatProblem);
const made = async (world = new World(), inputs = server) => {
  const { id, outputs, failures } = await world.server.create(inputs, listen().context);
  return { world, id, state: { inputs, outputs }, failures };
};

describe("an order", () => {
  test("ends in a server with its address, route and links", async () => {
    const { state } = await made();
    expect(state.outputs).toMatchObject({
      serverId: "sv_1",
      status: "on",
      address: "198.51.100.11",
      gateway: "198.51.100.1",
      prefixLength: 25,
      publicMac: "aa:bb:cc:00:00:01",
      privateMac: "aa:bb:cc:00:01:01",
      rack: "rack_1",
    });
  });

  test("whose answer was lost is found, and not made again", async () => {
    const world = new World();
    world.fake.fault("lost-answer").fault("late-list");
    const { failures } = await made(world);
    expect(failures).toBeUndefined();
    expect([world.fake.orders, world.fake.servers.length]).toEqual([1, 1]);
  });

  test("whose answer does not come in time is found, and not made again; slow reads are asked again", async () => {
    const world = new World();
    world.fake.fault("late-answer").fault("late-read", 3);
    expect((await made(world)).failures).toBeUndefined();
    expect([world.fake.orders, world.fake.servers.length]).toEqual([1, 1]);
  });

  test("that never arrived is not taken for made: nobody knows, and the next run makes it", async () => {
    const world = new World();
    world.fake.fault("late-change");
    await expect(made(world)).rejects.toThrow(/whether it was ordered is not known .* Run the same update again/);
    expect(world.fake.servers).toEqual([]);
    expect((await made(world)).failures).toBeUndefined();
    expect(world.fake.servers).toHaveLength(1);
  });

  test("of a run that was killed is found by the next one", async () => {
    const { world } = await made();
    const again = await world.server.create(server, listen().context);
    expect([again.id, world.fake.orders]).toEqual(["sv_1", 1]);
  });

  test("that no list shows yet is found by what this host has noted", async () => {
    const world = new World();
    world.fake.fault("late-list");
    await made(world);
    expect((await made(world)).id).toBe("sv_1");
    expect(world.fake.orders).toBe(1);
  });

  test("that a stranger's server of the same name would take is refused, with what it is", async () => {
    const { world } = await made();
    const other = { ...server, plan: "c3-medium-x86" };
    await expect(world.server.create(other, listen().context)).rejects.toThrow(
      /sv_1 is a c2-small-x86 in NYC, not a c3-medium-x86 in NYC \(rename or delete it/,
    );
    expect(world.fake.orders).toBe(1);
  });

  test("finds nobody else's server of its name: that would be given back with this site", async () => {
    const world = new World();
    world.fake.stranger("home-cp-1");
    const [theirs] = world.fake.servers;
    if (theirs === undefined) throw new Error("it was just ordered");
    theirs.status = "on";
    const told =
      "hostname: home has a server of that name, sv_1, which was not ordered from this host (plinth machines adopt --provider latitude --project home home-cp-1 if it is this site's; else rename or delete it, or give this machine another key)";
    expect(await asked(server, world)).toEqual([told]);
    await expect(world.server.create(server, listen().context)).rejects.toThrow(told);
    expect(world.fake.orders).toBe(0);

    // One that was ordered a moment ago may be that of a run which was killed on another host.
    theirs.createdAt = new Date(NOW - 50 * 60_000).toISOString();
    expect(await asked(server, world)).toEqual([]);
    theirs.createdAt = new Date(NOW - 70 * 60_000).toISOString();
    await world.drivers.notes.write("home/home-cp-1", { at: NOW, id: "sv_7" });
    expect(await asked(server, world)).toEqual([told]);
    await world.drivers.notes.write("home/home-cp-1", { at: NOW, id: "sv_1" });
    expect(await asked(server, world)).toEqual([]);
  });

  test("is not made while two servers have its name", async () => {
    const { world } = await made();
    const [first] = world.fake.servers;
    if (first !== undefined) world.fake.servers.push({ ...first, id: "sv_9" });
    await expect(world.server.create(server, listen().context)).rejects.toThrow(/sv_1 and sv_9 of home are all called/);
  });

  test("that is sold out after the preview makes nothing and says what is left to do", async () => {
    const world = new World();
    expect(await asked(server, world)).toEqual([]);
    world.fake.fault("sold-out");
    await expect(world.server.create(server, listen().context)).rejects.toThrow(
      /the last c2-small-x86 in NYC went to somebody else since the preview \(plinth machines plans --provider latitude --region NYC/,
    );
    expect(world.fake.servers).toEqual([]);
  });

  test.each(["busy", "broken"] as const)("waits out an API that is %s", async (fault) => {
    const world = new World();
    world.fake.fault(fault, 3);
    expect((await made(world)).failures).toBeUndefined();
    expect(world.fake.servers).toHaveLength(1);
  });

  test("that Latitude.sh cannot deploy is kept, told, and shown as something left to do", async () => {
    const world = new World();
    world.fake.fault("failed-deployment");
    const { state, failures } = await made(world);
    expect(failures).toEqual([
      expect.stringMatching(/home-cp-1 \(sv_1\): Latitude.sh could not deploy it.*billed until then/),
    ]);
    expect(state.outputs).toMatchObject({ serverId: "sv_1", status: "failed_deployment" });
    const diff = await world.server.diff(state, draft(server), listen().context);
    expect(diff).toEqual([{ path: "status", kind: "update", output: true }]);
  });

  test("that arrives switched off is switched on, once, and noted", async () => {
    const world = new World();
    world.fake.fault("arrives-off");
    const heard = listen();
    const { outputs, failures } = await world.server.create(server, heard.context);
    expect([failures, outputs.status]).toEqual([undefined, "on"]);
    expect(heard.acts.filter(({ act }) => act === "power").map(({ detail }) => detail)).toEqual([
      "switches the server sv_1 on",
    ]);
    expect(world.fake.requests.filter((each) => each.endsWith("/actions"))).toHaveLength(1);
  });

  test("that somebody has put into rescue mode is left there, and told with the way out", async () => {
    const { world, state, id } = await made();
    for (const each of world.fake.servers) each.status = "rescue_mode";
    const { failures } = await world.server.update(id, state, { ...server, billing: "monthly" }, listen().context);
    expect(failures).toEqual([
      expect.stringMatching(/it is in rescue mode: plinth machines power .* home-cp-1 normal/),
    ]);
    expect(world.fake.servers[0]?.status).toBe("rescue_mode");
  });

  test("that Latitude.sh takes back is told", async () => {
    const world = new World();
    world.fake.fault("reaped");
    expect((await made(world)).failures).toEqual([
      expect.stringMatching(/took it back: pulumi refresh, then update again/),
    ]);
    expect((await world.server.read("sv_1", (await made(world)).state, listen().context))?.outputs.serverId).toBe(
      "sv_2",
    );
  });

  test("that is stuck is given up when the update is cancelled, and the next one goes on with the same server", async () => {
    const world = new World();
    world.fake.fault("stuck");
    const heard = listen();
    setTimeout(() => heard.abort(), 50);
    const first = await world.server.create(server, heard.context);
    expect(first.failures).toEqual([expect.stringContaining("the update was cancelled")]);
    for (const each of world.fake.servers) each.status = "on";
    const state = { inputs: server, outputs: first.outputs };
    const second = await world.server.update(first.id, state, server, listen().context);
    expect([second.failures, second.outputs.address, world.fake.orders]).toEqual([undefined, "198.51.100.11", 1]);
  });
});

describe("a preview refuses", () => {
  /** What a person can get wrong, and what they are told: the path, the reason, and the nearest that can be had. */
  const BAD: readonly (readonly [string, Partial<ServerInputs>, string, ((world: World) => void)?])[] = [
    ["an unknown region", { site: "NYX" }, 'site: there is no site "NYX" (did you mean NYC?)'],
    ["a region that is like none", { site: "OSL" }, 'site: there is no site "OSL" (choose one of DAL, FRA, NYC)'],
    [
      "an unknown plan",
      { plan: "c2-smal-x86" },
      'plan: there is no plan "c2-smal-x86" (did you mean c2-small-x86? in stock in NYC: c2-small-x86 (0.21 $/h), c3-medium-x86 (0.41 $/h), g4-rtx6kpro-large (8.10 $/h))',
    ],
    [
      "a region without the plan",
      { plan: "m4-metal-large" },
      "plan: NYC does not have m4-metal-large (in stock in NYC: g4-rtx6kpro-large (8.10 $/h), c3-medium-x86 (0.41 $/h), c2-small-x86 (0.21 $/h); m4-metal-large is in stock in DAL)",
    ],
    [
      "a plan without stock",
      { site: "FRA" },
      "plan: c2-small-x86 is out of stock in FRA (in stock in FRA: c3-medium-x86 (0.43 $/h); c2-small-x86 is in stock in DAL, NYC)",
    ],
    [
      "a plan with a GPU without stock",
      { plan: "g3-large-x86", gpu: true },
      "plan: g3-large-x86 is out of stock in NYC (in stock in NYC with a GPU: g4-rtx6kpro-large (8.10 $/h); g3-large-x86 is in stock in DAL)",
    ],
    [
      "a GPU of a plan without one",
      { gpu: true },
      "gpu: c2-small-x86 has no GPU (in stock in NYC with a GPU: g4-rtx6kpro-large (8.10 $/h))",
    ],
    [
      "what no region has",
      { site: "FRA", gpu: true },
      "gpu: c2-small-x86 has no GPU (in stock with a GPU: g3-large-x86 in DAL (4.40 $/h), g4-rtx6kpro-large in NYC (8.10 $/h))",
    ],
    [
      "a quota that is used up",
      {},
      "the team may have 1 servers and has 1: other-1 (give one back, or ask Latitude.sh for a higher limit)",
      (world) => {
        world.fake.limit = 1;
        world.fake.stranger("other-1");
      },
    ],
    [
      "a project that the key does not see",
      { project: "elsewhere" },
      'project: the token sees no project "elsewhere" (it sees home; or use a token of its team)',
    ],
  ];

  const rows = BAD.map(([what, edit, told, before]) => ({ what, edit, told, before }));
  test.each(rows)("$what, with the nearest that can be had, and nothing is ordered", async ({ edit, told, before }) => {
    const world = new World();
    before?.(world);
    const problems = await asked({ ...server, ...edit }, world);
    expect(problems[0]).toBe(told);
    expect(world.fake.orders).toBe(0);
  });

  test("those of several orders that the quota has no room for, before the first is made", async () => {
    const world = new World();
    world.fake.limit = 2;
    world.fake.stranger("other-1");
    const names = ["home-cp-1", "home-cp-2", "home-cp-3"];
    const all = await Promise.all(names.map((hostname) => asked({ ...server, hostname }, world)));
    const refused = (beside: string) => [
      `the team may have 2 servers and has 1: other-1, and this site asks for ${beside} beside this one (give one back, or ask Latitude.sh for a higher limit)`,
    ];
    expect(all).toEqual([[], refused("home-cp-1"), refused("home-cp-1")]);
    // The same one is not counted twice, and what was only previewed is forgotten.
    expect(await asked(server, world)).toEqual([]);
    world.wait(11 * 60_000);
    expect(await asked({ ...server, hostname: "home-cp-2" }, world)).toEqual([]);
  });

  test("nothing that can be had, and says what it costs", async () => {
    const told = async (edit: Partial<ServerInputs>) => {
      const heard = listen();
      await new World().server.check(draft({ ...server, ...edit }), heard.context);
      return heard.lines;
    };
    const order = "home-cp-1 will be ordered: c2-small-x86 in NYC, billed";
    expect(await told({})).toEqual([`${order} hourly, 0.21 $ an hour`]);
    expect(await told({ billing: "monthly" })).toEqual([`${order} monthly, 77.00 $ a month`]);
    expect(await told({ billing: "yearly" })).toEqual([`${order} yearly`]);
    expect(await told({ site: "FRA" })).toEqual([]);
  });

  test("a plan and a region at once, when neither is known", async () => {
    const problems = await asked({ ...server, site: "OSL", plan: "c9" });
    expect(problems.map((text) => text.split(":")[0])).toEqual(["site", "plan"]);
    expect(problems[1]).toContain("in stock: c2-small-x86 in NYC (0.21 $/h), c2-small-x86 in DAL (0.21 $/h)");
  });

  test("a key that is not valid", async () => {
    const wrong = new World();
    const drivers = {
      ...wrong.drivers,
      latitude: () => latitude(wrong.fake.wire(), "wrong", { signal: listen().context.signal }),
    };
    const found = await latitudeServer(drivers).check(draft(server), listen().context);
    expect(found.map(formatProblem)).toEqual([
      expect.stringMatching(/^latitude.token: .*not valid.* \(use a valid API key/),
    ]);
  });

  test("nothing about a server that was ordered already, though its plan is sold out now", async () => {
    const { world } = await made(new World(), { ...server, plan: "c3-medium-x86" });
    const { fake } = world;
    fake.limit = 1;
    expect(await asked({ ...server, plan: "c3-medium-x86" }, world)).toEqual([]);
    const before = fake.requests.length;
    await world.server.check(draft(server), listen().context, () => draft(server));
    expect(fake.requests.length).toBe(before);
    // What may change of it is told by the diff alone.
    const other = { ...server, plan: "m4-metal-large" };
    expect(await world.server.check(draft(other), listen().context, () => draft(server))).toEqual([]);
  });
});

describe("a server is never replaced", () => {
  test("for another image: the change is none", async () => {
    const { world, state } = await made();
    const other = { ...server, ipxe: server.ipxe.replace("v1.13.9", "v1.14.0"), gpu: true };
    expect(await world.server.diff(state, draft(other), listen().context)).toEqual([]);
  });

  test("for another plan or site: that is refused with the way", async () => {
    const { world, state } = await made();
    const other = { ...server, plan: "c3-medium-x86", site: "FRA" };
    await expect(async () => world.server.diff(state, draft(other), listen().context)).rejects.toThrow(
      /another site and plan is another server.*write generation: 2/,
    );
  });

  test("unless somebody raises its generation", async () => {
    const { world, state } = await made();
    const other = { ...server, plan: "c3-medium-x86", hostname: "home-cp-1-g2", generation: 2 };
    const diff = await world.server.diff(state, draft(other), listen().context);
    expect(diff.map(({ path, replace }) => [path, replace !== undefined])).toEqual([
      ["plan", true],
      ["hostname", true],
      ["generation", true],
    ]);
  });

  test("and never by an earlier one, whose server is on its way back", async () => {
    const second = { ...server, hostname: "home-cp-1-g2", generation: 2 };
    const { world, state } = await made(new World(), second);
    await expect(async () => world.server.diff(state, draft(server), listen().context)).rejects.toThrow(
      /generation: generation 2 is rented, and the server of generation 1 is given back \(write 2, or 3 for another/,
    );
  });

  test("because a value is not known yet", async () => {
    const { world, state } = await made();
    const partly = { ...server, ipxe: unknown } as Draft<ServerInputs>;
    expect(await world.server.diff(state, partly, listen().context)).toEqual([]);
  });
});

describe("giving back", () => {
  const billedAs = async (billing: ServerInputs["billing"]) => {
    const { world, id, state } = await made(new World(), { ...server, ...(billing && { billing }) });
    const heard = listen();
    await world.server.delete(id, state, heard.context);
    expect(world.fake.servers).toEqual([]);
    return heard.lines.at(-1);
  };

  test("says what is still billed", async () => {
    expect(await billedAs(undefined)).toMatch(/given back: billed by the hour until now/);
    expect(await billedAs("monthly")).toMatch(/stays paid until 2026-09-01, and nothing is refunded/);
    expect(await billedAs("yearly")).toMatch(/reserved: the committed term stays paid/);
  });

  test("waits until a half-deleted server is gone", async () => {
    const { world, id, state } = await made();
    world.fake.fault("half-deleted");
    const heard = listen();
    await world.server.delete(id, state, heard.context);
    expect(world.fake.servers).toEqual([]);
    expect(heard.lines).toContain("home-cp-1 given back: it is still there (disk_erasing)");
  });

  test("is refused for a locked one", async () => {
    const { world, id, state } = await made();
    for (const each of world.fake.servers) each.locked = true;
    await expect(world.server.delete(id, state, listen().context)).rejects.toThrow(/sv_1 is locked.*unlock it there/);
    expect(world.fake.servers).toHaveLength(1);
  });
});
