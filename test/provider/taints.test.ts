import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { registeredTaints, wantedTaints } from "../../provider/talos/taints";
import { listen } from "./context";
import { machines, site } from "./release";

const gpu = { key: "example.org/gpu", value: "none", effect: "NoSchedule" };
const batch = { key: "example.org/batch", effect: "PreferNoSchedule" };
const unreachable = { key: "node.kubernetes.io/unreachable", effect: "NoExecute" };

describe("taints of a worker", () => {
  test("are read from either form of the configuration", () => {
    expect(
      registeredTaints("machine: {kubelet: {extraConfig: {registerWithTaints: [{key: a, effect: NoSchedule}]}}}"),
    ).toEqual([{ key: "a", effect: "NoSchedule" }]);
    expect(
      registeredTaints(
        "machine: {}\n---\nkind: KubeletConfig\nconfig: {registerWithTaints: [{key: b, effect: NoExecute}]}",
      ),
    ).toEqual([{ key: "b", effect: "NoExecute" }]);
    expect(registeredTaints("machine: {}")).toEqual([]);
  });

  test("leave alone what others set", () => {
    const next = wantedTaints({ taints: [unreachable, batch], noted: undefined }, [batch], [gpu]);
    expect(next).toEqual({ taints: [unreachable, gpu], noted: ["example.org/gpu:NoSchedule"] });
  });

  test("go when they are declared no longer, also after a run that was killed in between", () => {
    const noted = { taints: [gpu, unreachable], noted: ["example.org/gpu:NoSchedule"] };
    expect(wantedTaints(noted, [], [])).toEqual({ taints: [unreachable], noted: [] });
  });

  test("that are as declared are not written again", () => {
    expect(wantedTaints({ taints: [unreachable], noted: undefined }, [], [])).toBeUndefined();
    expect(wantedTaints({ taints: [gpu], noted: ["example.org/gpu:NoSchedule"] }, [gpu], [gpu])).toBeUndefined();
  });

  test("a changed value is written", () => {
    const seen = { taints: [gpu], noted: ["example.org/gpu:NoSchedule"] };
    expect(wantedTaints(seen, [gpu], [{ ...gpu, value: "a100" }])?.taints).toEqual([{ ...gpu, value: "a100" }]);
  });
});

/** The site, and the same with a taint on its worker. */
function tainted() {
  const inputs = site();
  const extraConfig = { machine: { kubelet: { extraConfig: { registerWithTaints: [gpu] } } } };
  const worker = inputs.nodes["w-1"];
  if (worker === undefined) throw new Error("the site has the worker w-1");
  const patches = [...worker.patches, JSON.stringify(extraConfig)];
  return { inputs, edited: { ...inputs, nodes: { ...inputs.nodes, "w-1": { ...worker, patches } } } };
}

test("an update brings a declared taint to the worker's Node, and to no other", async () => {
  const { inputs, edited } = tainted();
  const cluster = machines(inputs);
  const release = clusterRelease(cluster.drivers);
  const { context } = listen();
  const made = await release.create(inputs, context);
  const reached = await release.update(made.id, { inputs, outputs: made.outputs }, edited, context);
  expect(reached.failures).toBeUndefined();
  expect([...cluster.taints]).toEqual([["w-1", { taints: [gpu], noted: ["example.org/gpu:NoSchedule"] }]]);
});

test("a taint that somebody else sets at the same moment stays, and plinth's comes to it", async () => {
  const { inputs, edited } = tainted();
  const cluster = machines(inputs);
  const release = clusterRelease(cluster.drivers);
  const { context } = listen();
  const made = await release.create(inputs, context);
  cluster.onTaints = () => {
    cluster.onTaints = () => {};
    cluster.taints.set("w-1", { taints: [unreachable], noted: undefined });
  };
  const reached = await release.update(made.id, { inputs, outputs: made.outputs }, edited, context);
  expect(reached.failures).toBeUndefined();
  expect(cluster.taints.get("w-1")?.taints).toEqual([unreachable, gpu]);
});
