import * as pulumi from "@pulumi/pulumi";
import { Cilium } from "../../components/network/Cilium";
import { Platform } from "../../components/platform/Platform";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
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

async function graph(section: object = SECTION) {
  const { platform, kubernetes } = planSite(parseSite({ ...siteFile("home"), platform: section }));
  if (platform === undefined) throw new Error("no platform");
  const args = { plan: platform, kubeconfig: "the kubeconfig", kubernetesVersion: kubernetes.version };
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
      "p-metallb-chart <- kubernetes:core/v1:Namespace p-metallb-chart-namespace",
      "p-metallb-chart <- kubernetes:helm.sh/v3:Release p-metallb-chart-release",
      "p-metallb <- plinth:kubernetes:Gate p-metallb-ready",
      "p-metallb <- kubernetes:metallb.io/v1beta1:IPAddressPool p-metallb-pool-lan",
      "p-metallb <- kubernetes:metallb.io/v1beta1:L2Advertisement p-metallb-advertisement-lan",
      "p-metallb <- plinth:kubernetes:Gate p-metallb-exit",
      "p <- plinth:network:IngressNginx p-ingress-nginx",
      "p-ingress-nginx <- plinth:kubernetes:Chart p-ingress-nginx-chart",
      "p-ingress-nginx-chart <- kubernetes:core/v1:Namespace p-ingress-nginx-chart-namespace",
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
    expect.arrayContaining(["p-crds", "p-cilium-exit", "p-metallb-chart-namespace"]),
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

test("privileged pods are allowed only where a service needs them", async () => {
  const resources = await graph();
  const level = (name: string) =>
    (inputs(resources, name).metadata as { labels: Record<string, string> }).labels[
      "pod-security.kubernetes.io/enforce"
    ];
  expect(level("p-metallb-chart-namespace")).toBe("privileged");
  expect(level("p-ingress-nginx-chart-namespace")).toBe("baseline");
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
