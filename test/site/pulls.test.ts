/** What a site's machines fetch, and whether a room without a way out has it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { stringify } from "yaml";
import { registerImages } from "../../cli/commands/images";
import { chartPin, versions } from "../../components/release/versions";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { registryOf, sitePulls, unreachedRegistries } from "../../components/site/pulls";
import { talosImages } from "../../components/talos/images";
import { TALOS_RELEASES } from "../../components/talos/releases";
import { formatVersion } from "../../components/talos/version";
import { siteFile } from "../support/site";
import { findTalosctl } from "../talos/support/talosctl";

// biome-ignore lint/suspicious/noExplicitAny: a site file before it is checked
type Raw = any;

const planOf = (env: string, edit: (site: Raw) => void = () => {}) => {
  const site = siteFile(env);
  edit(site);
  expect(checkSite(site).problems).toEqual([]);
  return planSite(parseSite(site));
};
const images = (plan: ReturnType<typeof planSite>) => sitePulls(plan).map(({ image }) => image);

test("the appliance: every image of its machine lies behind a mirror in its room", () => {
  const plan = planOf("appliance");
  const { mirrors = {}, registries = {} } = plan.talos;
  expect(images(plan)).toEqual([
    expect.stringMatching(/^factory\.talos\.dev\/metal-installer\/[0-9a-f]{64}:v1\.13\.9$/),
    "ghcr.io/siderolabs/flannel:0.28.8",
    "ghcr.io/siderolabs/kubelet:v1.36.3",
    "registry.k8s.io/coredns/coredns:v1.14.6",
    "registry.k8s.io/etcd:v3.6.12",
    "registry.k8s.io/kube-apiserver:v1.36.3",
    "registry.k8s.io/kube-controller-manager:v1.36.3",
    "registry.k8s.io/kube-proxy:v1.36.3",
    "registry.k8s.io/kube-scheduler:v1.36.3",
    "registry.k8s.io/pause:3.10.1",
  ]);
  for (const image of images(plan)) {
    const { endpoints = [], skipFallback } = mirrors[registryOf(image)] ?? mirrors["*"] ?? {};
    expect([image, skipFallback, endpoints.map((url) => new URL(url).hostname)]).toEqual([
      image,
      true,
      ["192.168.77.1"],
    ]);
    for (const url of endpoints) expect(Object.keys(registries)).toContain(new URL(url).host);
  }
  expect(plan.warnings).toEqual([expect.stringContaining("one control plane")]);
});

test("a platform in that room asks for nothing that lies elsewhere", () => {
  const plan = planOf("appliance", (site) => {
    const { platform, kubernetes } = siteFile("lab-platform");
    delete platform.openebs.machines;
    const text = JSON.stringify(platform).replaceAll("127.77.0", "192.168.77").replaceAll("lab.ex", "appliance.ex");
    Object.assign(site, { platform: { ...JSON.parse(text), profile: "minimal" } });
    site.kubernetes.cni = kubernetes.cni;
  });
  expect(unreachedRegistries(plan)).toEqual([]);
  // Without the mirror every one of them is named.
  const { mirrors: _, ...talos } = plan.talos;
  expect(unreachedRegistries({ ...plan, talos })).toEqual([
    "docker.io",
    "factory.talos.dev",
    "ghcr.io",
    "quay.io",
    "registry.k8s.io",
  ]);
  const listed = images(plan);
  expect(listed).not.toContainEqual(expect.stringMatching(/kube-proxy|flannel/));
  for (const service of plan.platform?.services ?? []) {
    if (service.chart === undefined) continue;
    expect(listed).toEqual(expect.arrayContaining(versions().charts[service.chart.name]?.images ?? ["no such chart"]));
  }
  // Those that plinth writes into objects, and those that operators start.
  for (const { repository, version } of Object.values(versions().images)) {
    expect(listed).toContain(`${repository}:${version}`);
  }
});

test("a room without a mirror is told which registries it would have to reach", () => {
  const plan = planOf("appliance", ({ talos }) => {
    delete talos.mirrors;
  });
  expect(plan.warnings).toContain(
    "the machines have no gateway and no name server, so nothing is fetched from factory.talos.dev, ghcr.io, registry.k8s.io: talos.mirrors names a registry that they reach, plinth images lists what it has to hold",
  );
  const part = planOf("appliance", ({ talos }) => {
    talos.mirrors = { "registry.k8s.io": { endpoints: ["https://192.168.77.1:5000"] } };
    talos.factory = "192.168.77.1:5000";
  });
  expect(unreachedRegistries(part)).toEqual(["ghcr.io"]);
  expect(unreachedRegistries(planOf("home"))).toEqual([]);
});

test("a licence check and the driver of a GPU are on the list as well", () => {
  const check = `registry.example.org/plinth:1@sha256:${"0".repeat(64)}`;
  const plan = planOf("appliance", (site) => {
    site.licence.check = { image: check };
    site.machines.appliance.gpus = 1;
    site.platform = { profile: "minimal" };
  });
  expect(images(plan)).toContain(check);
  expect(images(plan)).toContainEqual(expect.stringMatching(/^nvcr\.io\/nvidia\/k8s-device-plugin:/));
  expect(images(plan).filter((image) => image.includes("-installer/"))).toEqual([plan.nodes[0]?.image?.installer]);
});

const talosctl = findTalosctl();
const own = talosctl === undefined ? "" : formatVersion(talosctl.version);
const known = talosImages({ talos: own, kubernetes: "v1.34.0", cni: "flannel", kubeProxy: true });
const testKnown = known.every(({ tag }) => tag !== undefined) ? test : test.skip;
testKnown(`Talos' own images are those that talosctl ${own} names`, () => {
  if (talosctl === undefined) throw new Error("no talosctl");
  const run = spawnSync(talosctl.path, ["image", "k8s-bundle", "--k8s-version", "v1.34.0"], { encoding: "utf8" });
  // Only a cluster whose flannel has network policies runs that one.
  const told = run.stdout.split("\n").filter((line) => line !== "" && !line.includes("/kube-network-policies:"));
  expect(known.map(({ repository, tag }) => `${repository}:${tag}`).sort()).toEqual(told.sort());
});

test("where plinth does not know a tag, it guesses none", () => {
  const bare = { kubernetes: "v1.34.1", cni: "flannel", kubeProxy: true } as const;
  expect(talosImages({ ...bare, talos: "v1.11.3" }).filter(({ tag }) => tag === undefined)).toEqual([
    { repository: "gcr.io/etcd-development/etcd" },
    { repository: "registry.k8s.io/coredns/coredns" },
    { repository: "registry.k8s.io/pause" },
    { repository: "ghcr.io/siderolabs/flannel" },
  ]);
  // The newest etcd of each release is in the table of releases, too.
  for (const { latest, etcd } of TALOS_RELEASES) {
    const found = talosImages({ ...bare, talos: latest }).find(({ repository }) => repository.endsWith("/etcd"));
    if (found?.tag !== undefined) expect(`v${found.tag.replace(/^v/, "")}`).toBe(etcd.latest);
  }
});

test("plinth images prints them with where they come from, alone, and never a tag that it does not know", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-images-"));
  const [out, err]: [string[], string[]] = [[], []];
  const write = jest.spyOn(process.stdout, "write").mockImplementation((text) => out.push(String(text)) > 0);
  const tell = jest.spyOn(console, "error").mockImplementation((text) => void err.push(text));
  const asked = async (site: Raw, ...options: string[]) => {
    const file = path.join(folder, "Pulumi.room.yaml");
    writeFileSync(file, stringify({ config: { "plinth:site": site } }));
    const program = new Command();
    registerImages(program);
    out.splice(0);
    await program.parseAsync(["node", "plinth", "images", file, ...options]);
    return out.join("");
  };
  try {
    const site = siteFile("appliance");
    expect(await asked(site)).toMatch(/kubelet:v1\.36\.3 +Talos v1\.13\.9 +https:\/\/192\.168\.77\.1:5000\n/);
    expect((await asked(site, "--format", "list")).trimEnd().split("\n")).toEqual(images(planOf("appliance")));
    expect(err).toEqual([]);
    site.talos.version = "v1.13.10";
    expect((await asked(site, "--format", "list")).trimEnd().split("\n")).toHaveLength(6);
    expect(err).toEqual([
      expect.stringMatching(
        /does not know the tags that Talos v1\.13\.10 has of .*registry\.k8s\.io\/etcd.*k8s-bundle/,
      ),
    ]);
    site.kubernetes.cni = "none";
    site.platform = { cilium: {}, charts: { mirror: "oci://192.168.77.1:5000/charts" } };
    const { charts } = JSON.parse(await asked(site, "--format", "json"));
    expect(charts).toEqual([
      { chart: "cilium", version: chartPin("cilium").version, from: "oci://192.168.77.1:5000/charts/cilium" },
    ]);
  } finally {
    write.mockRestore();
    tell.mockRestore();
    rmSync(folder, { recursive: true, force: true });
  }
});
