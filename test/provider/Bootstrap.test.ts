import { type Draft, unknown } from "../../provider/draft";
import { type BootstrapInputs, bootstrap } from "../../provider/talos/Bootstrap";
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

const inputs: BootstrapInputs = {
  clusterName: "demo",
  clientConfiguration: { caCertificate: "-----BEGIN CERTIFICATE-----", clientCertificate: "crt", clientKey: SECRET },
  node: "10.0.0.11",
  controlPlanes: addresses,
  endpoint: "https://10.0.0.10:6443",
  kubernetesCa: "-----BEGIN CERTIFICATE-----",
};

conformance("Bootstrap", {
  make() {
    const cluster = machines();
    // What a preview without secrets thinks of configured machines is told below.
    cluster.hidden = true;
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
  test("says where the endpoint's name has to point, before and while it waits for the API there", async () => {
    const reach = addresses.map((address) => ({ address, at: address }));
    const waiting = async (endpoint: string) => {
      const cluster = machines();
      const away = { look: async () => ({ state: "away", said: "it cannot be resolved" }) as const };
      const heard = listen();
      setTimeout(() => heard.abort(), 50);
      await bootstrap({ ...cluster.drivers, endpoint: away }).create({ ...inputs, endpoint, reach }, heard.context);
      return heard.lines;
    };
    const told = "api.home.example.org has to point at the control planes: 10.0.0.11, 10.0.0.12, 10.0.0.13";
    const lines = await waiting("https://api.home.example.org:6443");
    expect(lines[0]).toBe(told);
    expect(lines.at(-1)).toContain(`it cannot be resolved; ${told}`);
    expect((await waiting("https://203.0.113.9:6443")).join()).not.toContain("has to point at");
  });

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
    const joining = setTimeout(() => {
      for (const key of ["cp-0", "cp-1"]) Object.assign(cluster.byKey(key), { etcd: true });
    }, 100);
    const reached = await bootstrap(cluster.drivers).create(inputs, heard.context);
    clearTimeout(joining);
    expect(cluster.recorder.changes).toEqual([]);
    expect(heard.lines).toContain("etcd already runs on 10.0.0.13: adopted");
    expect(heard.lines).toContain("every control plane is in etcd: 1 of 3 vote");
    expect(reached.outputs.etcdMembers).toHaveLength(3);
  });

  test("refuses a machine of another cluster with a named cause", async () => {
    const cluster = machines();
    cluster.recorder.outage = new TalosError("foreign", "10.0.0.12", "the machine belongs to another cluster");
    await expect(bootstrap(cluster.drivers).create(inputs, listen().context)).rejects.toThrow(/another cluster/);
  });

  describe("begins no second cluster", () => {
    const fresh = { ...inputs, clientConfiguration: unknown as typeof unknown };
    const preview = (cluster: FakeCluster, draft: Draft<typeof inputs> = fresh) =>
      Promise.resolve(bootstrap(cluster.drivers).preview(draft, undefined, listen().context));

    test("machines that already run are refused at preview while the stack has no secrets, each by its address", async () => {
      const cluster = machines();
      cluster.byKey("cp-1").configuration = undefined;
      const refusal = await preview(cluster).catch((error: Error) => error.message);
      expect(refusal).toMatch(/^the cluster is not begun, nothing was changed/);
      expect(refusal).toMatch(/controlPlanes\[0\]: 10.0.0.11 already runs .*bring it back \(pulumi stack import\)/);
      expect(refusal).toMatch(/controlPlanes\[2\]: 10.0.0.13/);
      expect(refusal).not.toMatch(/10.0.0.12/);
      expect(cluster.recorder.changes).toEqual([]);
    });

    test("and so are machines of other secrets than the stack's", async () => {
      const cluster = machines();
      cluster.ca = "another";
      await expect(preview(cluster, inputs)).rejects.toThrow(/10.0.0.12 already runs .* does not have its secrets/);
    });

    test("machines in maintenance mode, silent ones and machines of this stack's secrets are welcome", async () => {
      const cluster = machines();
      expect(await preview(cluster, inputs)).toEqual({});
      cluster.byKey("cp-1").configuration = undefined;
      cluster.nodes.delete("10.0.0.11");
      cluster.nodes.delete("10.0.0.13");
      expect(await preview(cluster)).toEqual({});
      expect(await preview(cluster, { ...fresh, controlPlanes: unknown as typeof unknown })).toEqual({});
    });

    test("one control plane of another cluster among empty ones: etcd is not started", async () => {
      const cluster = machines();
      const { drivers } = cluster;
      const foreign = new TalosError("foreign", "10.0.0.13", "the machine belongs to another cluster");
      const resource = bootstrap({
        ...drivers,
        talos: (...given) => ({
          ...drivers.talos(...given),
          bootstrap: drivers.talos(...given).bootstrap,
          etcdState: async (node) => {
            if (node === "10.0.0.13") throw foreign;
            return "Preparing";
          },
        }),
      });
      await expect(resource.create(inputs, listen().context)).rejects.toThrow(/another cluster/);
      expect(cluster.recorder.changes).toEqual([]);
    });

    test("a cluster that answers at the endpoint, with another certificate or with none of these machines", async () => {
      const cluster = machines();
      cluster.stranger = true;
      await expect(bootstrap(cluster.drivers).create(inputs, listen().context)).rejects.toThrow(
        /endpoint: another cluster runs at https:\/\/10.0.0.10:6443: its certificate is not of this cluster/,
      );
      const elsewhere = machines().add({
        key: "old",
        address: "10.0.0.99",
        hostname: "old",
        type: "controlplane",
        etcd: true,
      });
      await expect(bootstrap(elsewhere.drivers).create(inputs, listen().context)).rejects.toThrow(
        /it answers, and none of the declared control planes runs etcd/,
      );
      expect([...cluster.recorder.changes, ...elsewhere.recorder.changes]).toEqual([]);
    });
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
