import { parse } from "yaml";
import { machineSecretsOf, parseBundle, talosctlSecrets } from "../../components/adopt/bundle";
import type { MachineFacts } from "../../components/adopt/machine";
import { siteOf } from "../../components/adopt/site";
import { stackText } from "../../components/adopt/text";
import { ProblemError } from "../../components/problem";
import { checkSite } from "../../components/site/parse";
import { parseTalosconfig } from "../../provider/adopt/talosconfig";

const KEY = "dGhlLWtleS1vZi10aGUtY2x1c3Rlcg==";
const pair = { crt: "Y2VydA==", key: KEY };

/** A cluster as a person made it by hand, with everything that a site file can say. */
const cluster = {
  id: "cluster-id",
  secret: KEY,
  clusterName: "attic",
  token: KEY,
  secretboxEncryptionSecret: KEY,
  controlPlane: { endpoint: "https://10.0.3.1:6443" },
  network: { podSubnets: ["10.200.0.0/16"], serviceSubnets: ["10.201.0.0/16"], cni: { name: "none" } },
  ca: pair,
  aggregatorCA: pair,
  etcd: { ca: pair },
  serviceAccount: { key: KEY },
  apiServer: { extraArgs: { "event-ttl": "2h" }, certSANs: ["10.0.3.1", "api.example.org"] },
  allowSchedulingOnControlPlanes: true,
};

function machine(place: number, type: "controlplane" | "worker", change: Partial<MachineFacts> = {}): MachineFacts {
  const hostname = `${type === "worker" ? "w" : "cp"}-${place}`;
  return {
    address: `10.0.3.${place}`,
    talos: "v1.13.0",
    hostname,
    mac: `52:54:00:00:00:${place}`,
    prefixLength: 24,
    gateway: "10.0.3.254",
    disk: { wwid: `naa.${place}` },
    configuration: [
      {
        machine: {
          type,
          token: KEY,
          ca: pair,
          kubelet: { image: "ghcr.io/siderolabs/kubelet:v1.36.3" },
          install: { disk: "/dev/sda", image: "ghcr.io/siderolabs/installer:v1.13.0" },
          time: { servers: ["time.example.org"] },
          nodeLabels: {
            "node.kubernetes.io/exclude-from-external-load-balancers": "",
            "example.org/rack": "a",
            "node-role.kubernetes.io/storage": "",
          },
          nodeTaints: { "example.org/gpu": "some:NoSchedule", dedicated: ":NoExecute" },
        },
        cluster,
      },
      { kind: "ResolverConfig", nameservers: [{ address: "10.0.3.254" }] },
    ],
    ...change,
  };
}

const three = [
  machine(11, "controlplane"),
  machine(12, "controlplane"),
  machine(13, "controlplane"),
  machine(21, "worker"),
];
const options = { domain: "example.org", provider: "metal", contract: "v1.13" } as const;

test("a site file says what the machines run, and is sound", () => {
  const site = siteOf([...three].reverse(), options);
  expect(checkSite(site).problems).toEqual([]);
  expect(site).toMatchObject({
    name: "attic",
    network: {
      cidr: "10.0.3.0/24",
      gateway: "10.0.3.254",
      nameservers: ["10.0.3.254"],
      ntp: ["time.example.org"],
      vip: "10.0.3.1",
      pods: "10.200.0.0/16",
      services: "10.201.0.0/16",
    },
    talos: { version: "v1.13.0", configContract: "v1.13" },
    kubernetes: {
      version: "v1.36.3",
      cni: "none",
      scheduleOnControlPlanes: true,
      apiServer: { extraArgs: { "event-ttl": "2h" }, certSANs: ["api.example.org"] },
    },
  });
  expect(Object.keys(site.machines)).toEqual(["cp-11", "cp-12", "cp-13", "w-21"]);
  expect(site.machines["w-21"]).toEqual({
    role: "worker",
    adopted: true,
    mac: "52:54:00:00:00:21",
    address: "10.0.3.21",
    disk: { wwid: "naa.21" },
    labels: { "example.org/rack": "a" },
    taints: [
      { key: "example.org/gpu", value: "some", effect: "NoSchedule" },
      { key: "dedicated", effect: "NoExecute" },
    ],
  });
});

test("the text names its schema, says what may be edited, holds no secret, and reads back as the same site", () => {
  const site = siteOf(three, options);
  const text = stackText(site, "../schema/stack.schema.json");
  expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=../schema/stack.schema.json");
  expect(text).toMatch(/# `adopted`: made by other means/);
  expect(text).not.toContain(KEY);
  expect(parse(text).config["plinth:site"]).toEqual(site);
});

test.each<[string, readonly MachineFacts[], string[]]>([
  [
    "a machine that does not tell its hardware",
    [machine(11, "controlplane", { mac: undefined, disk: undefined } as never), ...three.slice(1)],
    [
      "machines.cp-11.mac: 10.0.3.11 does not tell it (give it, as --mac 10.0.3.11=52:54:00:12:34:56)",
      "machines.cp-11.disk",
    ],
  ],
  [
    "machines of different versions",
    [machine(11, "controlplane", { talos: "v1.12.0" }), ...three.slice(1)],
    ["Talos: machines run different versions (cp-11 v1.12.0, cp-12 v1.13.0"],
  ],
  ["no control plane", three.slice(3), ["--nodes: none of them is a control plane"]],
  [
    "an endpoint that is a name",
    three.map((each) => {
      const [main, ...rest] = each.configuration as [{ machine: object }, ...object[]];
      const named = { ...cluster, controlPlane: { endpoint: "https://api.example.org:6443" } };
      return { ...each, configuration: [{ ...main, cluster: named }, ...rest] } as MachineFacts;
    }),
    ["cluster.controlPlane.endpoint: https://api.example.org:6443 is not an address with port 6443"],
  ],
])("%s is a problem with the way out", (_, machines, expected) => {
  let message = "";
  try {
    siteOf(machines, options);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    message = error.message;
  }
  for (const part of expected) expect(message).toContain(part);
});

describe("the cluster's secrets", () => {
  test("come whole out of a control plane's configuration, in the provider's form and in talosctl's", () => {
    const secrets = machineSecretsOf(three[0]?.configuration ?? [], "cp-11");
    expect(secrets).toMatchObject({
      certs: { os: { cert: pair.crt, key: KEY }, k8sServiceaccount: { key: KEY } },
      cluster: { id: "cluster-id", secret: KEY },
      secrets: { bootstrapToken: KEY, secretboxEncryptionSecret: KEY },
      trustdinfo: { token: KEY },
    });
    expect(talosctlSecrets(secrets)).toMatchObject({
      certs: { k8sserviceaccount: { key: KEY }, etcd: pair },
      secrets: { bootstraptoken: KEY },
    });
  });

  test("are all named that a worker has not, without a value", () => {
    const worker = { machine: { type: "worker", token: KEY, ca: { crt: "c" } }, cluster: { id: "x", secret: KEY } };
    const error = (() => {
      try {
        machineSecretsOf([worker], "w-1");
      } catch (caught) {
        return caught as ProblemError;
      }
      throw new Error("accepted");
    })();
    expect(error.problems.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["cluster.etcd.ca.key", "cluster.ca.key", "cluster.serviceAccount.key", "machine.ca.key"]),
    );
    expect(error.message).not.toContain(KEY);
  });

  test("are refused where they are none, without a word of them", () => {
    for (const text of [`{"machineSecrets": "${KEY}"}`, KEY, `{"clientConfiguration": {"clientKey": "${KEY}"}}`]) {
      expect(() => parseBundle(text)).toThrow(/secrets:bundle: is not the secrets bundle of a cluster/);
      expect(() => parseBundle(text)).not.toThrow(KEY);
    }
  });

  test("of a talosconfig that is none, or has no such context, are not told either", () => {
    const good = JSON.stringify({
      context: "a",
      contexts: { a: { endpoints: ["10.0.3.11"], ca: "c", crt: "d", key: KEY } },
    });
    expect(parseTalosconfig(good, "f").addresses).toEqual(["10.0.3.11"]);
    expect(() => parseTalosconfig(good, "f", "b")).toThrow('f: has no context "b" (name one of a with --context)');
    for (const text of [`key: [${KEY}`, `key: ${KEY}`]) {
      expect(() => parseTalosconfig(text, "f")).toThrow(/f: is no talosconfig/);
      expect(() => parseTalosconfig(text, "f")).not.toThrow(KEY);
    }
  });
});
