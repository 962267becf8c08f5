import type {
  VirtualNetworkInputs,
  VirtualNetworkOutputs,
} from "../../components/machine/latitude/LatitudeVirtualNetwork";
import { conformance } from "../provider/conformance";
import { listen } from "../provider/context";
import { TOKEN } from "./fake";
import { server, World } from "./world";

const inputs: VirtualNetworkInputs = { project: "home", site: "NYC", description: "plinth home", servers: ["sv_1"] };

/** A world with two servers that are on. */
function rented(): World {
  const world = new World();
  const attributes = { ...server, operating_system: "ipxe" };
  for (const hostname of ["home-cp-1", "home-cp-2"]) {
    const body = JSON.stringify({ data: { type: "servers", attributes: { ...attributes, hostname } } });
    const headers = { authorization: `Bearer ${TOKEN}`, "api-version": "2023-06-01" };
    world.fake.answer({ method: "POST", path: "/servers", headers, body });
  }
  return world;
}

conformance<VirtualNetworkInputs, VirtualNetworkOutputs>("latitude:VirtualNetwork", {
  make: () => {
    const world = rented();
    return Object.assign(world, { resource: world.network });
  },
  inputs,
  changed: { ...inputs, servers: ["sv_1", "sv_2"] },
  bad: { inputs: { ...inputs, site: "", servers: [""] }, paths: ["site", "servers[0]"] },
  secrets: [TOKEN],
  privileged: ["removeNetwork"],
  lose: (world) => {
    (world as unknown as World).fake.networks.length = 0;
  },
});

test("servers come in place, and one that is left out stays until it is given back: it may have to leave a cluster first", async () => {
  const world = rented();
  const { id, outputs } = await world.network.create(inputs, listen().context);
  expect(outputs).toEqual({ networkId: "vlan_3", vid: 2003, connected: ["sv_1"] });
  const other = { ...inputs, servers: ["sv_2"] };
  const { outputs: after } = await world.network.update(id, { inputs, outputs }, other, listen().context);
  expect(after).toEqual({ networkId: "vlan_3", vid: 2003, connected: ["sv_2"] });
  const inside = () => world.fake.assignments.map((each) => each.server).sort();
  expect(inside()).toEqual(["sv_1", "sv_2"]);

  world.fake.requests.length = 0;
  const [first] = world.fake.assignments;
  const { outputs: made } = await world.server.create(server, listen().context);
  await world.server.delete("sv_1", { inputs: server, outputs: made }, listen().context);
  expect(inside()).toEqual(["sv_2"]);
  expect(world.fake.requests.filter((each) => each.startsWith("DELETE"))).toEqual([
    `DELETE /virtual_networks/assignments/${first?.id}`,
    "DELETE /servers/sv_1",
  ]);
  await world.network.delete(id, { inputs: other, outputs: after }, listen().context);
  expect([world.fake.networks, world.fake.assignments]).toEqual([[], []]);
});

test("one whose answer was lost is found, and not made again", async () => {
  const world = rented();
  world.fake.fault("lost-answer");
  const { failures } = await world.network.create(inputs, listen().context);
  expect([failures, world.fake.networks.length]).toEqual([undefined, 1]);
});

test("a server that does not connect is told, and tried again without a second assignment", async () => {
  const world = rented();
  world.fake.fault("unconnected");
  const heard = listen();
  setTimeout(() => heard.abort(), 50);
  const first = await world.network.create(inputs, heard.context);
  expect(first.failures).toEqual([expect.stringMatching(/virtual network 2003 \(vlan_3\)/)]);
  for (const each of world.fake.assignments) each.status = "connecting";
  const second = await world.network.update(first.id, { inputs, outputs: first.outputs }, inputs, listen().context);
  expect([second.failures, second.outputs.connected, world.fake.assignments.length]).toEqual([undefined, ["sv_1"], 1]);
});

test("one that holds somebody else's servers is not taken over: they would be cut off with this site", async () => {
  const world = rented();
  const theirs = { ...inputs, servers: ["sv_2"] };
  const { id } = await world.network.create(theirs, listen().context);
  // The same host goes on with its own, whatever is in it.
  expect((await world.network.create(inputs, listen().context)).id).toBe(id);
  await world.drivers.notes.forget("home/network NYC plinth home");
  await expect(world.network.create(inputs, listen().context)).rejects.toThrow(
    /vlan_3 is called "plinth home" and holds servers of somebody else: sv_2 \(rename it/,
  );
  expect((await world.network.create({ ...inputs, servers: ["sv_1", "sv_2"] }, listen().context)).id).toBe(id);
});
