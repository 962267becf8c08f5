import { stringify } from "yaml";
import type { CrdBundleInputs } from "../../components/kubernetes/CrdBundle";
import { crdBundle } from "../../provider/kubernetes/CrdBundle";
import type { KubernetesObject } from "../../provider/kubernetes/ports";
import { conformance } from "./conformance";
import { listen } from "./context";
import { FakePlatform, KUBECONFIG } from "./platform";

const crd = (kind: string, extra: Record<string, unknown> = {}): KubernetesObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${kind.toLowerCase()}s.example.org` },
  spec: {
    group: "example.org",
    names: { kind, plural: `${kind.toLowerCase()}s` },
    scope: "Namespaced",
    versions: [{ name: "v1", served: true, storage: true }],
    ...extra,
  },
});
const documents = (...objects: readonly KubernetesObject[]) => objects.map((each) => stringify(each)).join("---\n");

const chart = (version: string) => ({
  chart: "oci://registry.example.org/charts/widgets",
  version,
  mode: "template-flag" as const,
  flag: "crds.enabled",
  release: { name: "widgets", namespace: "widgets" },
});
const folder = {
  chart: "/srv/charts/gadgets-1.0.0.tgz",
  version: "1.0.0",
  mode: "folder" as const,
  release: { name: "gadgets", namespace: "gadgets" },
};
const inputs: CrdBundleInputs = { kubeconfig: KUBECONFIG, charts: { widgets: chart("1.0.0"), gadgets: folder } };
const changed: CrdBundleInputs = { kubeconfig: KUBECONFIG, charts: { widgets: chart("2.0.0") } };

function platform(): FakePlatform {
  const fake = new FakePlatform();
  fake.shelf.set("widgets", documents(crd("Widget"), crd("Cog"), { ...crd("Ignored"), kind: "ConfigMap" }));
  fake.shelf.set("gadgets", documents(crd("Gadget")));
  return fake;
}

conformance("CrdBundle", {
  make() {
    const fake = platform();
    return { resource: crdBundle(fake.drivers), recorder: fake.recorder, snapshot: () => fake.snapshot() };
  },
  inputs,
  changed,
  bad: {
    inputs: {
      kubeconfig: KUBECONFIG,
      charts: {
        widgets: { ...chart("1.0.0"), flag: undefined },
        gadgets: { ...folder, flag: "crds", digest: "md5:1" },
        gizmos: { ...folder, mode: "magic" },
      },
    },
    paths: ["charts.widgets.flag", "charts.gadgets.flag", "charts.gadgets.digest", "charts.gizmos.mode"],
  },
  secrets: [KUBECONFIG],
  privileged: ["remove"],
});

describe("CrdBundle", () => {
  const start = async (fake = platform()) => {
    const resource = crdBundle(fake.drivers);
    const heard = listen([KUBECONFIG]);
    const reached = await resource.create(inputs, heard.context);
    return { fake, resource, heard, reached, state: { inputs, outputs: reached.outputs } };
  };
  const names = (fake: FakePlatform) => [...fake.live.values()].map(({ metadata }) => metadata.name).sort();
  const widget = (name: string): KubernetesObject => ({
    apiVersion: "example.org/v1",
    kind: "Widget",
    metadata: { name, namespace: "work" },
  });

  test("applies the CRDs and nothing else, and keeps their names and digests alone", async () => {
    const { fake, state } = await start();
    expect(names(fake)).toEqual(["cogs.example.org", "gadgets.example.org", "widgets.example.org"]);
    const text = JSON.stringify(state.outputs);
    expect(text).not.toContain("served");
    expect(text.length).toBeLessThan(600);
    expect(Object.keys(state.outputs.charts.widgets?.crds ?? {})).toEqual(["cogs.example.org", "widgets.example.org"]);
  });

  test("a chart that cannot be had, or is not the one that was pinned, changes nothing", async () => {
    const fake = platform();
    fake.shelf.delete("gadgets");
    await expect(start(fake)).rejects.toThrow("gadgets cannot be fetched");
    const pinned = {
      ...inputs,
      charts: { ...inputs.charts, gadgets: { ...folder, digest: `sha256:${"0".repeat(64)}` } },
    };
    fake.shelf.set("gadgets", documents(crd("Gadget")));
    await expect(crdBundle(fake.drivers).create(pinned, listen().context)).rejects.toThrow(
      /archive of gadgets is sha256/,
    );
    expect(fake.recorder.changes).toEqual([]);
  });

  test("a chart that was to bring CRDs and has none changes nothing", async () => {
    const fake = platform();
    fake.shelf.set("widgets", documents({ ...crd("Ignored"), kind: "ConfigMap" }));
    await expect(start(fake)).rejects.toThrow(
      /^widgets 1\.0\.0 was to bring CRDs with crds\.enabled=true and has none \(/,
    );
    fake.shelf.set("gadgets", "");
    fake.shelf.set("widgets", documents(crd("Widget")));
    await expect(start(fake)).rejects.toThrow(/^gadgets 1\.0\.0 was to bring CRDs in crds\/ and has none/);
    expect(fake.recorder.changes).toEqual([]);
    const checked = { ...inputs, charts: { gadgets: { ...folder, mode: "none" as const } } };
    expect((await crdBundle(fake.drivers).create(checked, listen().context)).failures).toBeUndefined();
  });

  test("two charts that bring one CRD are refused by name", async () => {
    const fake = platform();
    fake.shelf.set("gadgets", documents(crd("Widget")));
    await expect(start(fake)).rejects.toThrow("widgets and gadgets both bring the CRD widgets.example.org");
  });

  test("takes a CRD over from a Helm release, so that Helm neither owns nor deletes it", async () => {
    const fake = platform();
    const helms = crd("Widget", { versions: [{ name: "v1alpha1", served: true, storage: true }] });
    fake.put({
      ...helms,
      metadata: {
        ...helms.metadata,
        labels: { "app.kubernetes.io/managed-by": "Helm" },
        annotations: { "meta.helm.sh/release-name": "widgets", "meta.helm.sh/release-namespace": "old" },
      },
    });
    const { heard } = await start(fake);
    const taken = [...fake.live.values()].find(({ metadata }) => metadata.name === "widgets.example.org");
    expect(taken?.metadata.labels).toEqual({ "app.kubernetes.io/managed-by": "plinth" });
    expect(taken?.metadata.annotations).toEqual({ "helm.sh/resource-policy": "keep" });
    expect(JSON.stringify(taken?.spec)).toContain('"v1"');
    expect(heard.lines).toContain("widgets.example.org: taken over from the Helm release old/widgets");
  });

  test("leaves the CA that a controller injects into a conversion webhook", async () => {
    const fake = platform();
    const hook = (caBundle?: string) =>
      crd("Widget", {
        conversion: { strategy: "Webhook", webhook: { clientConfig: { service: {}, ...(caBundle && { caBundle }) } } },
      });
    fake.shelf.set("widgets", documents(hook("Cg==")));
    const { resource, state } = await start(fake);
    expect(JSON.stringify(fake.recorder.changes)).not.toContain("caBundle");
    fake.put(hook("LS0tCA=="));
    expect(await resource.read("crds", state, listen().context)).toEqual(state);
  });

  test("says which CRD is not served, keeps the rest, and shows at preview that something is left", async () => {
    const fake = platform();
    fake.refused.set("cogs.example.org", "spec.versions: stored version v1beta1 cannot be removed");
    const { resource, reached, state } = await start(fake);
    expect(reached.failures).toEqual(["cogs.example.org: spec.versions: stored version v1beta1 cannot be removed"]);
    expect(names(fake)).toEqual(["gadgets.example.org", "widgets.example.org"]);
    const left = await resource.diff(state, inputs, listen().context);
    expect(left).toEqual([{ path: 'charts.widgets.crds["cogs.example.org"]', kind: "update", output: true }]);
    fake.refused.clear();
    expect((await resource.update("crds", state, inputs, listen().context)).failures).toBeUndefined();
  });

  test("shows what somebody else deleted or changed, and mends it", async () => {
    const { fake, resource, state } = await start();
    fake.live.delete("apiextensions.k8s.io/v1/CustomResourceDefinition//cogs.example.org");
    fake.put(crd("Gadget", { scope: "Cluster" }));
    const seen = await resource.read("crds", state, listen().context);
    if (seen === undefined) throw new Error("it is not gone");
    expect((await resource.diff(seen, inputs, listen().context)).map(({ path }) => path)).toEqual([
      'charts.widgets.crds["cogs.example.org"]',
      'charts.gadgets.crds["gadgets.example.org"]',
    ]);
    const mended = await resource.update("crds", seen, inputs, listen().context);
    expect(mended.outputs).toEqual(state.outputs);
  });

  test("never deletes a CRD that has objects, neither with its chart nor with the site", async () => {
    const { fake, resource, state } = await start();
    fake.put(widget("precious"));
    const heard = listen();
    fake.shelf.set("widgets", documents(crd("Cog")));
    const next = await resource.update("crds", state, changed, heard.context);
    expect(names(fake)).toEqual(["cogs.example.org", "precious", "widgets.example.org"]);
    expect(heard.lines).toContainEqual(expect.stringMatching(/^widgets.example.org stays: .* as work\/precious;/));
    await resource.delete("crds", { inputs: changed, outputs: next.outputs }, heard.context);
    expect(names(fake)).toEqual(["precious", "widgets.example.org"]);
    expect(heard.acts.map(({ target }) => target)).toEqual(["gadgets.example.org", "cogs.example.org"]);
  });

  test("says at preview that there is no helm", async () => {
    const fake = platform();
    fake.helm = undefined;
    const found = await crdBundle(fake.drivers).check(inputs, listen().context);
    expect(found.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
      "charts: there is no helm to open charts with",
    ]);
  });
});
