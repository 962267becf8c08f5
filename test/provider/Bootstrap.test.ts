import { bootstrap } from "../../provider/talos/Bootstrap";
import { TalosError } from "../../provider/talosctl/talos";
import { FakeCluster, SECRET } from "./cluster";
import { conformance } from "./conformance";
import { listen } from "./context";

const configuration = JSON.stringify({ cluster: { id: "demo-id" }, machine: { ca: { key: SECRET } } });
const addresses = ["10.0.0.11", "10.0.0.12", "10.0.0.13"];

function machines(): FakeCluster {
  return addresses.reduce(
    (cluster, address, place) =>
      cluster.add({ key: `cp-${place}`, address, hostname: `cp-${place}`, type: "controlplane", configuration }),
    new FakeCluster(),
  );
}

const inputs = {
  clusterName: "demo",
  clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: SECRET },
  node: "10.0.0.11",
  controlPlanes: addresses,
  endpoint: "https://10.0.0.10:6443",
  kubernetesCa: "-----BEGIN CERTIFICATE-----",
};

conformance("Bootstrap", {
  make() {
    const cluster = machines();
    return {
      resource: bootstrap(cluster.drivers),
      recorder: cluster.recorder,
      snapshot: () => cluster.snapshot(),
    };
  },
  inputs,
  changed: { ...inputs, node: "10.0.0.12" },
  bad: {
    inputs: { ...inputs, node: "10.0.0.99", controlPlanes: ["10.0.0.11", "10.0.0.12", "10.0.0.11"] },
    paths: ["controlPlanes[2]", "node"],
  },
  secrets: [SECRET],
  privileged: ["bootstrap"],
});

describe("Bootstrap", () => {
  test("starts etcd exactly once, on the named node", async () => {
    const cluster = machines();
    const reached = await bootstrap(cluster.drivers).create(inputs, listen().context);
    expect(cluster.recorder.changes.map(({ name, args }) => [name, args[0]])).toEqual([["bootstrap", "10.0.0.11"]]);
    expect(reached.outputs).toEqual({ clusterId: "demo-id", etcdMembers: ["100011", "100012", "100013"] });
  });

  test("adopts etcd that runs on another control plane", async () => {
    const cluster = machines();
    Object.assign(cluster.byKey("cp-2"), { etcd: true, leader: true });
    const heard = listen();
    await bootstrap(cluster.drivers).create(inputs, heard.context);
    expect(cluster.recorder.changes).toEqual([]);
    expect(heard.lines).toContain("etcd already runs on 10.0.0.13: adopted");
  });

  test("refuses a machine of another cluster with a named cause", async () => {
    const cluster = machines();
    cluster.recorder.outage = new TalosError("foreign", "10.0.0.12", "the machine belongs to another cluster");
    await expect(bootstrap(cluster.drivers).create(inputs, listen().context)).rejects.toThrow(/another cluster/);
  });

  test("is gone only when every control plane was wiped", async () => {
    const cluster = machines();
    const resource = bootstrap(cluster.drivers);
    const reached = await resource.create(inputs, listen().context);
    const state = { inputs, outputs: reached.outputs };
    for (const node of cluster.nodes.values()) node.etcd = false;
    await expect(resource.read("demo", state, listen().context)).rejects.toThrow(/etcd runs on no control plane/);
    cluster.byKey("cp-1").configuration = undefined;
    await expect(resource.read("demo", state, listen().context)).rejects.toThrow(/maintenance/);
    for (const node of cluster.nodes.values()) node.configuration = undefined;
    expect(await resource.read("demo", state, listen().context)).toBeUndefined();
  });

  test("the API of a running cluster does not move", async () => {
    const cluster = machines();
    const resource = bootstrap(cluster.drivers);
    const { outputs } = await resource.create(inputs, listen().context);
    const moved = { ...inputs, endpoint: "https://10.0.0.99:6443" };
    expect(() => resource.diff({ inputs, outputs }, moved, listen().context)).toThrow(
      /endpoint: not yet: .*10\.0\.0\.99/,
    );
  });

  test("a refresh that finds none of the known members says that etcd was lost", async () => {
    const cluster = machines();
    const resource = bootstrap(cluster.drivers);
    const reached = await resource.create(inputs, listen().context);
    const heard = listen();
    await resource.read("demo", { inputs, outputs: { ...reached.outputs, etcdMembers: ["ff"] } }, heard.context);
    expect(heard.lines.join()).toMatch(/was lost/);
  });
});
