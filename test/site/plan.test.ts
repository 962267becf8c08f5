import fc from "fast-check";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { siteFile } from "../support/site";

function plan(env = "lab", edit: (site: ReturnType<typeof siteFile>) => void = () => {}) {
  const site = siteFile(env);
  edit(site);
  return planSite(parseSite(site));
}

test("the lab's plan", () => {
  const { nodes, endpoint, talos, kubernetes, warnings } = plan();
  expect(nodes.map((node) => [node.key, node.type, node.hostname, node.address])).toEqual([
    ["cp-1", "controlplane", "cp-1", { literal: "127.77.0.11" }],
    ["cp-2", "controlplane", "cp-2", { literal: "127.77.0.12" }],
    ["cp-3", "controlplane", "cp-3", { literal: "127.77.0.13" }],
    ["worker-1", "worker", "worker-1", { literal: "127.77.0.21" }],
    ["worker-2", "worker", "worker-2", { literal: "127.77.0.22" }],
  ]);
  expect(endpoint).toEqual({ address: { literal: "127.77.0.10" }, vip: true, port: 6443 });
  expect(talos.installer).toBe(
    "factory.talos.dev/metal-installer/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.13.0",
  );
  expect(kubernetes.version).toBe("v1.36.3");
  expect(warnings).toEqual([]);
});

test("versions are normalised", () => {
  const { talos } = plan("lab", (site) => {
    site.talos.version = "1.13.0";
  });
  expect(talos).toMatchObject({ version: "v1.13.0", configContract: "v1.13" });
});

test("extensions name the image", () => {
  const { schematic, installer } = plan("home").talos;
  expect(schematic.yaml).toContain("- siderolabs/tailscale");
  expect(installer).toBe(`factory.talos.dev/nocloud-installer/${schematic.id}:v1.13.9`);
});

test("a pool that registers tells NetBox which machine has the address, the VIP none", () => {
  const { pools } = plan("lab", (site) => {
    site.pools = {
      nodes: { backend: "netbox", prefix: "127.77.0.0/24", register: { devices: { type: "node", role: "cluster" } } },
    };
    site.machines["worker-1"].address = { pool: "nodes" };
    site.network.vip = { pool: "nodes" };
  });
  expect(pools.nodes).toMatchObject({
    deviceKind: { type: "node", role: "cluster" },
    claims: {
      "network.vip": { purpose: "vip", dnsName: "api.lab.example.org" },
      "worker-1": { register: { device: "worker-1", interface: "net0", mac: "52:54:00:77:00:15" } },
    },
  });
  expect(pools.nodes?.claims["network.vip"]?.register).toBeUndefined();
});

test("a claim keeps pool, owner and purpose", () => {
  const { nodes, endpoint, pools } = plan("lab", (site) => {
    site.pools = { nodes: { range: "127.77.0.100-127.77.0.120" } };
    site.machines["worker-1"].address = { pool: "nodes" };
    site.network.vip = { pool: "nodes", address: "127.77.0.110" };
  });
  expect(nodes[3]?.address).toEqual({ claim: { pool: "nodes", owner: "worker-1", purpose: "node" } });
  expect(pools.nodes).toEqual({
    site: "lab",
    name: "nodes",
    backend: "static",
    range: "127.77.0.100-127.77.0.120",
    exclude: [],
    reserved: {
      "network.gateway": "127.77.0.1",
      "the server 127.77.0.1": "127.77.0.1",
      "machines.cp-1": "127.77.0.11",
      "machines.cp-2": "127.77.0.12",
      "machines.cp-3": "127.77.0.13",
      "machines.worker-2": "127.77.0.22",
    },
    claims: {
      "network.vip": { purpose: "vip", address: "127.77.0.110", dnsName: "api.lab.example.org" },
      "worker-1": { purpose: "node", dnsName: "worker-1.lab.example.org" },
    },
  });
  expect(endpoint.address).toEqual({
    claim: { pool: "nodes", owner: "network.vip", purpose: "vip", address: "127.77.0.110" },
  });
});

test("a single control plane is its own endpoint, with the warning it deserves", () => {
  const single = plan("lab", (site) => {
    delete site.network.vip;
    delete site.machines["cp-2"];
    delete site.machines["cp-3"];
  });
  expect(single.endpoint).toEqual({ address: { literal: "127.77.0.11" }, vip: false, port: 6443 });
  expect(single.warnings).toEqual([expect.stringMatching(/^one control plane \(cp-1\)/)]);
});

test("control planes of one failure domain are warned about", () => {
  const warned = plan("lab", (site) => {
    for (const key of ["cp-1", "cp-2", "cp-3"]) site.machines[key].failureDomain = "rack-a";
  });
  expect(warned.warnings).toEqual(["the control planes stand in 1 failure domain: losing one loses etcd's quorum"]);
});

test("the order of machines in the file does not change the plan", () => {
  const keys = Object.keys(siteFile().machines);
  fc.assert(
    fc.property(fc.shuffledSubarray(keys, { minLength: keys.length }), (shuffled) => {
      const shuffledPlan = plan("lab", (site) => {
        site.machines = Object.fromEntries(shuffled.map((key) => [key, site.machines[key]]));
      });
      expect(shuffledPlan).toEqual(plan());
    }),
    { numRuns: 20 },
  );
});

test("pods without a network, or without a machine that takes them, are warned of", () => {
  const warnings = (edit: (site: ReturnType<typeof siteFile>) => void) => {
    const site = siteFile("lab");
    edit(site);
    return planSite(parseSite(site)).warnings;
  };
  const taint = { taints: [{ key: "gpu", effect: "NoSchedule" }] };
  expect(warnings(() => {})).toEqual([]);
  expect(warnings(({ kubernetes }) => Object.assign(kubernetes, { cni: "none" }))).toEqual([
    "kubernetes.cni is none and no platform brings a network: the nodes stay NotReady and no pod starts until somebody installs one; a platform section brings Cilium, cni: flannel Talos' own",
  ]);
  const closed = (site: ReturnType<typeof siteFile>) => {
    for (const machine of Object.values<{ role: string }>(site.machines)) {
      if (machine.role === "worker") Object.assign(machine, taint);
    }
  };
  expect(warnings(closed)).toEqual([
    "no machine takes ordinary pods (control planes take none, worker-1 has a taint, worker-2 has a taint): add a worker without a taint, or write kubernetes.scheduleOnControlPlanes: true",
  ]);
  const everywhere = (site: ReturnType<typeof siteFile>) => {
    closed(site);
    site.kubernetes.scheduleOnControlPlanes = true;
  };
  expect(warnings(everywhere)).toEqual([]);
  expect(
    warnings((site) => {
      everywhere(site);
      for (const machine of Object.values<object>(site.machines)) Object.assign(machine, taint);
    }),
  ).toEqual([
    expect.stringMatching(/^no machine takes ordinary pods \(cp-1 has a taint.*: add a worker without a taint$/),
  ]);
  const preferred = (site: ReturnType<typeof siteFile>) => {
    closed(site);
    site.machines["worker-1"].taints = [{ key: "gpu", effect: "PreferNoSchedule" }];
  };
  expect(warnings(preferred)).toEqual([]);
});
