import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { SECRET } from "./cluster";
import { listen } from "./context";
import { machines, site } from "./release";

describe("patches that hold secrets", () => {
  const inputs = site();
  const locked = (passphrase: string) => ({
    ...inputs,
    secretPatches: { "w-1": [JSON.stringify({ volume: { passphrase } })] },
  });

  test("reach their machine after its other patches, and no other; a second run has nothing to do", async () => {
    const cluster = machines(inputs);
    const resource = clusterRelease(cluster.drivers);
    const first = await resource.create(inputs, listen().context);
    const heard = listen([SECRET]);
    const state = { inputs, outputs: first.outputs };
    const reached = await resource.update("demo", state, locked(SECRET), heard.context);
    expect(reached.failures).toBeUndefined();
    expect(cluster.applied).toEqual(["w-1"]);
    expect(cluster.byKey("w-1").configuration).toContain(SECRET);
    expect(JSON.stringify([reached.outputs, heard.lines, heard.acts])).not.toContain(SECRET);
    const again = { inputs: locked(SECRET), outputs: reached.outputs };
    expect(await resource.diff(again, locked(SECRET), heard.context)).toEqual([]);
    const seen = await resource.read("demo", again, heard.context);
    expect(seen?.outputs.running["w-1"]?.drift).toEqual([]);
  });

  test("show at preview where they change, never what they say", async () => {
    const cluster = machines(inputs);
    const resource = clusterRelease(cluster.drivers);
    const { outputs } = await resource.create(inputs, listen().context);
    const heard = listen([SECRET]);
    const changes = await resource.diff({ inputs, outputs }, locked(SECRET), heard.context);
    expect(changes).toEqual([{ path: "secretPatches", kind: "add" }]);
    expect(heard.lines.join()).toMatch(/^w-1: volume\.passphrase added: /);
    expect(JSON.stringify([heard.lines, changes])).not.toContain(SECRET);
    expect(resource.secrets).toContain("secretPatches");
  });
});
