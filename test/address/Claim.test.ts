import type { ClaimInputs } from "../../components/address/IpClaim";
import { claim } from "../../provider/address/Claim";
import { Siblings } from "../../provider/address/siblings";
import { conformance } from "../provider/conformance";
import { listen } from "../provider/context";
import { netboxWorld } from "./world";

function world() {
  const { backend, ...rest } = netboxWorld();
  return { resource: claim(backend, new Siblings()), ...rest };
}

const inputs: ClaimInputs = { site: "home", pool: "nodes", owner: "db", prefix: "10.0.3.0/27", dnsName: "db.home" };

conformance("Claim", {
  make: world,
  inputs,
  changed: { ...inputs, dnsName: "database.home", address: "10.0.3.9" },
  bad: { inputs: { ...inputs, prefix: "10.0.3.1/27", address: "10.0.3" }, paths: ["address", "prefix"] },
  secrets: [],
  privileged: [],
});

describe("Claim", () => {
  test("gets an address, keeps it, and gives it back", async () => {
    const { resource, snapshot } = world();
    const { outputs, id } = await resource.create(inputs, listen().context);
    expect([id, outputs]).toEqual(["home/nodes/db/address", { ip: "10.0.3.1", recorded: true }]);
    await resource.delete(id, { inputs, outputs }, listen().context);
    expect(snapshot()).toEqual([[], []]);
  });

  test("a record that is gone is taken again at the same address", async () => {
    const { resource, local, snapshot } = world();
    const wish = { ...inputs, address: "10.0.3.7" };
    const { outputs } = await resource.create(wish, listen().context);
    const before = snapshot();
    for (const { id } of local.store.all("ip-addresses")) local.send("DELETE", `ipam/ip-addresses/${id}/`);
    const seen = await resource.read("id", { inputs, outputs }, listen().context);
    expect(seen?.outputs).toEqual({ ip: "10.0.3.7", recorded: false });
    await resource.update("id", { inputs, outputs: { ip: "10.0.3.7", recorded: false } }, inputs, listen().context);
    expect(snapshot()).toEqual(before);
  });

  test("its identity does not change", async () => {
    const { resource } = world();
    const { outputs } = await resource.create(inputs, listen().context);
    const renamed = { ...inputs, owner: "database" };
    expect(() => resource.diff({ inputs, outputs }, renamed as never, listen().context)).toThrow(
      "owner: is part of the claim's identity, and another claim has another address",
    );
  });
});
