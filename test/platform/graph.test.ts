import * as pulumi from "@pulumi/pulumi";
import { Installation } from "../../components/kubernetes/Installation";
import { Cilium } from "../../components/network/Cilium";
import { TailscaleRoutes } from "../../components/network/TailscaleRoutes";
import { Platform } from "../../components/platform/Platform";
import { SealedSecrets } from "../../components/secrets/SealedSecrets";
import { vaultService } from "../../components/secrets/service/vault";
import { Vault } from "../../components/secrets/Vault";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { Longhorn } from "../../components/storage/Longhorn";
import { type Registered, recordGraph } from "../support/graph";
import { siteFile } from "../support/site";

const SECTION = {
  charts: { mirror: "oci://registry.local/charts" },
  cilium: { gateway: true },
  metallb: { pools: { lan: { range: "10.0.3.4-10.0.3.20" } } },
  "ingress-nginx": { pool: "lan" },
};
const answers = {
  resource: (type: string) => (type === "kubernetes:helm.sh/v3:Release" ? { status: { revision: 1 } } : {}),
};

async function graph(section: object = SECTION, secrets: Readonly<Record<string, string>> = {}) {
  const { platform, kubernetes } = planSite(parseSite({ ...siteFile("home"), platform: section }));
  if (platform === undefined) throw new Error("no platform");
  const secret = (name: string) => (secrets[name] === undefined ? undefined : pulumi.secret(secrets[name]));
  const args = { plan: platform, kubeconfig: "the kubeconfig", kubernetesVersion: kubernetes.version, secret };
  return (await recordGraph(() => new Platform("p", args), answers)).resources;
}
const byName = (resources: readonly Registered[], name: string): Registered => {
  const found = resources.find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`no resource ${name}; there are ${resources.map((each) => each.name)}`);
  return found;
};
const inputs = (resources: readonly Registered[], name: string) => byName(resources, name).inputs;

test("every service is a component with a chart, its objects and its gates", async () => {
  const lines = (await graph()).map(({ type, name, parent }) => `${parent || "."} <- ${type} ${name}`);
  expect(lines.sort()).toEqual(
    [
      ". <- plinth:platform:Platform p",
      "p <- plinth:kubernetes:CrdBundle p-crds",
      "p <- plinth:network:Cilium p-cilium",
      "p-cilium <- plinth:kubernetes:Gate p-cilium-entry",
      "p-cilium <- plinth:kubernetes:Chart p-cilium-chart",
      "p-cilium-chart <- kubernetes:helm.sh/v3:Release p-cilium-chart-release",
      "p-cilium <- plinth:kubernetes:Gate p-cilium-exit",
      "p <- plinth:network:MetalLb p-metallb",
      "p-metallb <- plinth:kubernetes:Chart p-metallb-chart",
      "p-metallb <- kubernetes:core/v1:Namespace p-metallb-namespace",
      "p-metallb-chart <- kubernetes:helm.sh/v3:Release p-metallb-chart-release",
      "p-metallb <- plinth:kubernetes:Gate p-metallb-ready",
      "p-metallb <- kubernetes:metallb.io/v1beta1:IPAddressPool p-metallb-pool-lan",
      "p-metallb <- kubernetes:metallb.io/v1beta1:L2Advertisement p-metallb-advertisement-lan",
      "p-metallb <- plinth:kubernetes:Gate p-metallb-exit",
      "p <- plinth:network:IngressNginx p-ingress-nginx",
      "p-ingress-nginx <- plinth:kubernetes:Chart p-ingress-nginx-chart",
      "p-ingress-nginx <- kubernetes:core/v1:Namespace p-ingress-nginx-namespace",
      "p-ingress-nginx-chart <- kubernetes:helm.sh/v3:Release p-ingress-nginx-chart-release",
      "p-ingress-nginx <- plinth:kubernetes:Gate p-ingress-nginx-exit",
    ].sort(),
  );
});

test("CRDs come before every chart, a chart before its objects, a gate before what needs it", async () => {
  const resources = await graph();
  const waits = (name: string) => byName(resources, name).dependsOn;
  expect(waits("p-cilium-chart-release")).toEqual(expect.arrayContaining(["p-crds", "p-cilium-entry"]));
  expect(waits("p-metallb-chart-release")).toEqual(
    expect.arrayContaining(["p-crds", "p-cilium-exit", "p-metallb-namespace"]),
  );
  expect(waits("p-metallb-pool-lan")).toEqual(expect.arrayContaining(["p-metallb-ready", "p-metallb-chart-release"]));
  expect(waits("p-metallb-exit")).toEqual(
    expect.arrayContaining(["p-metallb-pool-lan", "p-metallb-advertisement-lan"]),
  );
  expect(waits("p-ingress-nginx-chart-release")).toEqual(expect.arrayContaining(["p-metallb-exit", "p-cilium-exit"]));
});

test("releases are pinned, atomic, bounded, without CRDs of their own, and their values in order", async () => {
  const release = inputs(await graph(), "p-metallb-chart-release");
  expect(release).toMatchObject({
    chart: "oci://registry.local/charts/metallb",
    version: "0.16.2",
    atomic: true,
    timeout: 300,
    values: { crds: { enabled: false }, frrk8s: { enabled: false } },
  });
  const cilium = inputs(await graph(), "p-cilium-chart-release").values as object;
  expect(Object.keys(cilium)).toEqual(Object.keys(cilium).sort());
  expect(cilium).toMatchObject({
    kubeProxyReplacement: "true",
    k8sServiceHost: "localhost",
    k8sServicePort: "7445",
    cgroup: { autoMount: { enabled: false }, hostRoot: "/sys/fs/cgroup" },
  });
  expect(JSON.stringify(cilium)).not.toContain("SYS_MODULE");
});

test("the bundle has the CRDs of every chart by its mode, and those of the Gateway API", async () => {
  const { charts } = inputs(await graph(), "p-crds") as { charts: Record<string, { mode: string; flag?: string }> };
  expect(Object.entries(charts).map(([name, { mode }]) => `${name}: ${mode}`)).toEqual([
    "gateway-api: manifest",
    "ingress-nginx: none",
    "metallb: template-flag",
  ]);
  expect(charts.metallb?.flag).toBe("crds.enabled");
});

test("a changed value changes one release and nothing else", async () => {
  const before = await graph();
  const after = await graph({
    ...SECTION,
    metallb: { ...SECTION.metallb, values: { controller: { logLevel: "debug" } } },
  });
  const changed = after.filter((each) => JSON.stringify(each.inputs) !== JSON.stringify(inputs(before, each.name)));
  expect(changed.map(({ name }) => name)).toEqual(["p-metallb-chart-release"]);
});

test("a changed object of a part with a chart has its exit gate look again, and nobody goes on before", async () => {
  const trigger = async (image: string) => {
    const { vault, ...others } = vaultService({}).objects ?? {};
    if (vault === undefined) throw new Error("no Vault");
    const spec = { ...(vault.spec as object), image };
    const service = { ...vaultService({}), objects: { ...others, vault: { ...vault, spec } } };
    const made = () => new Installation("v", service, { kubeconfig: "k" });
    return inputs((await recordGraph(made, answers)).resources, "v-exit").trigger;
  };
  expect(await trigger("vault:1")).toBe(await trigger("vault:1"));
  expect(await trigger("vault:2")).not.toBe(await trigger("vault:1"));
});

test("what the API never changes of a storage class replaces it, and a claim that is given up stays", async () => {
  const resources = await graph({
    openebs: {},
    vault: { members: 1, storageClass: "openebs-hostpath" },
  });
  expect(byName(resources, "p-openebs-class")).toMatchObject({
    replaceOnChanges: ["reclaimPolicy", "volumeBindingMode"],
    deleteBeforeReplace: true,
  });
  const claim = byName(resources, "p-vault-snapshot-volume");
  expect(claim).toMatchObject({ retainOnDelete: true, replaceOnChanges: [] });
  expect(claim.inputs.metadata).toMatchObject({ name: "vault-snapshots-openebs-hostpath" });
  expect(JSON.stringify(inputs(resources, "p-vault-snapshot"))).toContain(
    '"claimName":"vault-snapshots-openebs-hostpath"',
  );
});

test("another token restarts who reads it once, and stands nowhere", async () => {
  const values = async (token: string, values: Record<string, unknown> = {}) => {
    const { resources } = await recordGraph(
      () =>
        new TailscaleRoutes("t", {
          ...{ routes: ["10.0.3.0/27"], hostname: "home", values },
          installation: { kubeconfig: "k", secret: (name) => pulumi.secret(`${name} ${token}`) },
        }),
      answers,
    );
    return inputs(resources, "t-chart-release").values as {
      operatorConfig: { podAnnotations: Record<string, string> };
    };
  };
  const first = await values("one");
  expect(await values("one")).toEqual(first);
  expect((await values("two")).operatorConfig.podAnnotations).not.toEqual(first.operatorConfig.podAnnotations);
  expect(first.operatorConfig).toEqual({
    hostname: "home-operator",
    podAnnotations: { "plinth.dev/secrets": expect.stringMatching(/^[0-9a-f]{16}$/) },
  });
  const own = await values("one", { operatorConfig: { podAnnotations: { team: "net" } } });
  expect(Object.keys(own.operatorConfig.podAnnotations)).toEqual(["plinth.dev/secrets", "team"]);
});

test("PowerDNS finds its files changed before it starts again", async () => {
  const powerdns = {
    address: "10.0.3.5",
    zones: { "home.example.org": { nameservers: { "ns1.home.example.org": "10.0.3.5" } } },
  };
  const resources = await graph({ ...SECTION, "local-path": {}, powerdns });
  expect(byName(resources, "p-powerdns-server").dependsOn).toContain("p-powerdns-config");
});

describe("a part with Secrets", () => {
  const section = {
    "sealed-secrets": {},
    "local-path": {},
    vault: { members: 1 },
    "cert-manager": { issuers: { own: {} } },
  };

  test("finds what is kept for it: protected, and there before its chart", async () => {
    const resources = await graph(section);
    const kept = resources.filter(({ parent, custom }) => parent === "p-keep" && custom);
    expect(kept.map(({ name, protect, deletedWith }) => [name, protect, deletedWith]).sort()).toEqual([
      ["p-keep-ca-own", true, ""],
      ["p-keep-ca-own-certificate", true, ""],
      ["p-keep-sealed-secrets", true, ""],
      ["p-keep-sealed-secrets-certificate", true, ""],
    ]);
    expect(byName(resources, "p-sealed-secrets-chart-release").dependsOn).toContain("p-sealed-secrets-key");
    expect(byName(resources, "p-issuers-issuer-own").dependsOn).toEqual(
      expect.arrayContaining(["p-issuers-ca-own", "p-cert-manager-exit"]),
    );
  });

  test("keeps nothing else back when all is destroyed: what is around it depends on nothing", async () => {
    const resources = await graph(section);
    for (const name of ["p", "p-keep"])
      expect(byName(resources, name)).toMatchObject({ dependsOn: [], deletedWith: "" });
  });

  test("leaves out what the stack may have and has not", async () => {
    const names = (await graph(section)).map(({ name }) => name);
    expect(names).not.toContain("p-vault-unseal");
    expect(names).toContain("p-vault-chart-release");
  });

  test("leaves in the cluster what is taken out of the stack: it may be all there is of it", async () => {
    const resources = await graph(section, { "vault-unseal-keys": '{"vault-root":"hvs.x"}' });
    expect(byName(resources, "p-vault-unseal").retainOnDelete).toBe(true);
    expect(byName(resources, "p-vault-chart-release").dependsOn).toContain("p-vault-unseal");
    expect(byName(resources, "p-sealed-secrets-key").retainOnDelete).toBe(false);
  });

  test("is guarded: the snapshot is over before its operator changes", async () => {
    const resources = await graph(section);
    const waits = (name: string) => byName(resources, name).dependsOn;
    expect(waits("p-vault-guard")).toEqual(expect.arrayContaining(["p-vault-snapshot", "p-vault-snapshot-volume"]));
    expect(waits("p-vault-chart-release")).toContain("p-vault-guard");
    expect(waits("p-vault-vault")).toContain("p-vault-chart-release");
    expect(byName(resources, "p-vault-account").type).toBe("kubernetes:core/v1:ServiceAccount");
  });

  test("shows no text of a Secret to anybody", async () => {
    for (const { name, inputs: sent } of (await graph(section)).filter(
      ({ type }) => type === "kubernetes:core/v1:Secret",
    )) {
      expect([name, JSON.stringify(sent.stringData)]).toEqual([
        name,
        expect.stringContaining("1b47061264138c4ac30d75fd1eb44270"),
      ]);
    }
  });
});

test("privileged pods are allowed only where a service needs them", async () => {
  const resources = await graph();
  const level = (name: string) =>
    (inputs(resources, name).metadata as { labels: Record<string, string> }).labels[
      "pod-security.kubernetes.io/enforce"
    ];
  expect(level("p-metallb-namespace")).toBe("privileged");
  expect(level("p-ingress-nginx-namespace")).toBe("baseline");
});

test("a release whose upgrade cannot be taken back stays as it is when it fails, behind a backup", async () => {
  const { resources } = await recordGraph(
    () => new Longhorn("l", { nodes: ["worker-1"], installation: { kubeconfig: "k" } }),
    answers,
  );
  expect(inputs(resources, "l-chart-release")).toMatchObject({ atomic: false, cleanupOnFail: false, timeout: 900 });
  expect(byName(resources, "l-chart-release").dependsOn).toContain("l-guard");
});

test("a component alone keeps what it needs by itself, and has the stack's secrets looked up", async () => {
  const { resources } = await recordGraph(() => {
    new SealedSecrets("s", { installation: { kubeconfig: "k" } });
    new Vault("v", {
      installation: { kubeconfig: "k", secret: (name) => pulumi.secret(JSON.stringify({ "vault-root": name })) },
    });
  }, answers);
  expect(byName(resources, "s-keep-sealed-secrets").protect).toBe(true);
  expect(pulumi.runtime.unwrapRpcSecret(inputs(resources, "v-unseal").stringData)).toEqual({
    "vault-root": "vault-unseal-keys",
  });
});

test("a component alone brings its own CRDs and passes its dependencies on", async () => {
  const { resources } = await recordGraph(() => {
    const first = new pulumi.ComponentResource("test:index:First", "first");
    return new Cilium(
      "net",
      { nodes: ["cp-1"], gateway: true, installation: { kubeconfig: "k", mirror: { folder: "/srv/charts" } } },
      { dependsOn: [first] },
    );
  }, answers);
  expect(inputs(resources, "net-crds")).toMatchObject({
    charts: { "gateway-api": { chart: "/srv/charts/gateway-api-v1.6.3.yaml", mode: "manifest" } },
  });
  expect(inputs(resources, "net-chart-release")).toMatchObject({ chart: "/srv/charts/cilium-1.20.2.tgz" });
  expect(inputs(resources, "net-chart-release")).not.toHaveProperty("repositoryOpts");
  expect(byName(resources, "net-chart-release").dependsOn).toContain("net-crds");
});

test("the kubeconfig is secret wherever it goes", async () => {
  const resources = await graph();
  for (const { type, inputs: sent } of resources.filter((each) => each.inputs.kubeconfig !== undefined)) {
    expect([type, JSON.stringify(sent.kubeconfig)]).toEqual([
      type,
      expect.stringContaining("1b47061264138c4ac30d75fd1eb44270"),
    ]);
  }
});
