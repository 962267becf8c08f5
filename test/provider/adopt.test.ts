import type { ClusterReleaseInputs } from "../../components/talos/ClusterRelease";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { type FakeCluster, merge, SECRET } from "./cluster";
import { listen } from "./context";
import { machines, site } from "./release";

const adopted = (): ClusterReleaseInputs => {
  const inputs = site();
  const nodes = Object.entries(inputs.nodes).map(([key, node]) => [key, { ...node, adopted: true }]);
  return { ...inputs, nodes: Object.fromEntries(nodes) };
};

function changeByHand(cluster: FakeCluster, keys: readonly string[], patch: object): void {
  for (const key of keys) {
    const node = cluster.byKey(key);
    node.configuration = JSON.stringify(merge(JSON.parse(node.configuration ?? "{}"), patch as never));
  }
}

describe("machines that ran before", () => {
  const begin = async (keys: readonly string[], patch: object) => {
    const cluster = machines(adopted());
    changeByHand(cluster, keys, patch);
    const before = JSON.stringify(cluster.snapshot());
    const resource = clusterRelease(cluster.drivers);
    const heard = listen([SECRET]);
    const reached = await resource.create(adopted(), heard.context);
    return { cluster, resource, heard, before, reached, state: { inputs: adopted(), outputs: reached.outputs } };
  };

  test("are taken over as they run; what differs is noted by its path", async () => {
    const labels = { machine: { nodeLabels: { by: SECRET } } };
    const { cluster, heard, before, reached } = await begin(["cp-1", "w-2"], labels);
    expect(reached.failures).toBeUndefined();
    expect(reached.outputs.phase).toBe("converged");
    expect(JSON.stringify(cluster.snapshot())).toBe(before);
    expect(cluster.recorder.changes).toEqual([]);
    expect(reached.outputs.running["w-2"]?.drift).toEqual([".machine.nodeLabels.by"]);
    expect(reached.outputs.running["w-1"]?.drift).toEqual([]);
    expect(JSON.stringify([heard.lines, reached.outputs])).not.toContain(SECRET);
  });

  test("show the difference in the next preview, and only the update after it changes them", async () => {
    const { cluster, resource, heard, state } = await begin(["w-2"], { machine: { nodeLabels: { by: "hand" } } });
    heard.lines.length = 0;
    const changes = await resource.diff(state, adopted(), heard.context);
    expect(changes).toEqual([{ path: 'running["w-2"].running', kind: "update", output: true }]);
    expect(heard.lines).toEqual(["w-2: runs otherwise than declared at .machine.nodeLabels.by, is changed"]);
    const reached = await resource.update("demo", state, adopted(), listen().context);
    expect(reached.failures).toBeUndefined();
    expect(cluster.applied).toEqual(["w-2"]);
    expect(await resource.diff({ inputs: adopted(), outputs: reached.outputs }, adopted(), listen().context)).toEqual(
      [],
    );
  });

  test("are not changed by the update either where that reboots several control planes or loses data", async () => {
    const { cluster, resource, state } = await begin(["cp-1", "cp-2"], { machine: { udev: { rules: ["x"] } } });
    const stopped = await resource.update("demo", state, adopted(), listen().context);
    expect(stopped.failures?.join()).toMatch(/machine\.udev\.rules: the change reboots 2 control planes/);
    expect(cluster.recorder.changes).toEqual([]);
    const allowed = { ...adopted(), allow: ["machine.udev"] };
    const reached = await resource.update(
      "demo",
      { inputs: allowed, outputs: stopped.outputs },
      allowed,
      listen().context,
    );
    expect(reached.failures).toBeUndefined();
    expect(cluster.applied.sort()).toEqual(["cp-1", "cp-2"]);
  });

  test("that run what is declared have nothing to show", async () => {
    const { resource, heard, state } = await begin([], {});
    heard.lines.length = 0;
    expect(await resource.diff(state, adopted(), heard.context)).toEqual([]);
    expect(heard.lines).toEqual([]);
  });
});
