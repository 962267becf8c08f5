import fc from "fast-check";
import { documentsOf, twinProblems } from "../../components/talos/config/documents";
import { migrationPlan } from "../../components/talos/config/migrate";
import { nodeDocuments } from "../../components/talos/config/render";
import { type ConfigDocument, parseDocuments, renderDocument, valueAt } from "../../components/talos/config/yaml";
import { CONTRACTS, type Contract } from "../../components/talos/releases";
import { compareMinors, minorOf } from "../../components/talos/version";
import { nodeModel } from "./support/arbitrary";
import { MODELS } from "./support/models";
import { findTalosctl, Workbench } from "./support/talosctl";

const text = (documents: readonly ConfigDocument[]) => documents.map(renderDocument).join("---\n");
const find = (documents: readonly ConfigDocument[], kind: string) =>
  documents.filter((document) => document.kind === kind);
const main = (documents: readonly ConfigDocument[]): ConfigDocument =>
  documents.find((document) => document.kind === undefined) ?? {};
const migrated = (config: ConfigDocument, from: Contract, to: Contract) => {
  const plan = migrationPlan(renderDocument(config), from, to);
  return { plan, documents: parseDocuments(plan.configuration) };
};

describe("from v1.11 to v1.12", () => {
  test.each(Object.entries(MODELS))("%s becomes what is written for v1.12 anew", (_name, model) => {
    const plan = migrationPlan(text(nodeDocuments(model, "v1.11")), "v1.11", "v1.12");
    expect(plan.steps[0]?.kept).toEqual([]);
    const sorted = (documents: readonly ConfigDocument[]) => documents.map(renderDocument).sort();
    // PCRs cannot be chosen under v1.11, so they are not there to be moved.
    const withoutPcrs = (document: ConfigDocument) =>
      renderDocument(document).replace(/ +options:\n +pcrs:\n +- 7\n/g, "");
    expect(sorted(parseDocuments(plan.configuration))).toEqual(nodeDocuments(model, "v1.12").map(withoutPcrs).sort());
  });

  test("registries, hosts and certificates", () => {
    const { plan, documents } = migrated(
      {
        machine: {
          network: { extraHostEntries: [{ ip: "10.0.0.9", aliases: ["nas", "nas.lab"] }] },
          registries: {
            mirrors: { "docker.io": { endpoints: ["https://mirror.lab"], skipFallback: true, overridePath: true } },
            config: { "mirror.lab": { auth: { username: "u", password: "p" }, tls: { ca: "Q0VSVA==" } } },
          },
        },
      },
      "v1.11",
      "v1.12",
    );
    expect(main(documents)).toEqual({});
    expect(find(documents, "StaticHostConfig")).toMatchObject([{ name: "10.0.0.9", hostnames: ["nas", "nas.lab"] }]);
    expect(find(documents, "RegistryMirrorConfig")).toMatchObject([
      { name: "docker.io", endpoints: [{ url: "https://mirror.lab", overridePath: true }], skipFallback: true },
    ]);
    expect(find(documents, "RegistryAuthConfig")).toMatchObject([{ name: "mirror.lab", username: "u", password: "p" }]);
    expect(find(documents, "RegistryTLSConfig")).toMatchObject([{ name: "mirror.lab", ca: "CERT" }]);
    expect(plan.steps[0]?.moved.map(({ field }) => field).sort()).toEqual([
      "machine.network.extraHostEntries",
      "machine.registries.config",
      "machine.registries.mirrors",
    ]);
    expect(JSON.stringify(plan.steps)).not.toContain('"p"');
  });

  test.each([
    ["a bond", { interface: "bond0", bond: { mode: "802.3ad" } }, "has bond"],
    ["DHCP options", { interface: "eth0", dhcp: true, dhcpOptions: { routeMetric: 5 } }, "has dhcpOptions"],
    ["a MAC pattern", { deviceSelector: { hardwareAddr: "52:54:*" } }, "by a pattern"],
    ["a driver", { deviceSelector: { driver: "virtio" } }, "other than one MAC"],
    ["a cloud VIP", { interface: "eth0", vip: { ip: "10.0.0.9", hcloud: { apiToken: "t0k3n" } } }, "VIP of a cloud"],
  ])("leaves all interfaces alone when one has %s", (_name, link, reason) => {
    const interfaces = [{ interface: "eth1", dhcp: true }, link];
    const { plan, documents } = migrated({ machine: { network: { interfaces } } }, "v1.11", "v1.12");
    expect(valueAt(main(documents), "machine.network.interfaces")).toEqual(interfaces);
    expect(plan.steps[0]?.kept).toEqual([
      { field: "machine.network.interfaces", reason: expect.stringContaining(reason) },
    ]);
    expect(JSON.stringify(plan.steps)).not.toContain("t0k3n");
  });
});

describe("to v1.14", () => {
  test("the control plane's silent label and taint are said aloud", () => {
    const node = (allow?: boolean) => {
      const cluster = allow === undefined ? {} : { allowSchedulingOnControlPlanes: allow };
      const config = { machine: { type: "controlplane", nodeLabels: { rack: "a" } }, cluster };
      return find(migrated(config, "v1.13", "v1.14").documents, "KubeNodeConfig")[0];
    };
    const label = { "node-role.kubernetes.io/control-plane": "", rack: "a" };
    expect(node()).toMatchObject({ labels: label, taints: { "node-role.kubernetes.io/control-plane": "NoSchedule" } });
    expect(node(false)).toMatchObject({ taints: { "node-role.kubernetes.io/control-plane": "NoSchedule" } });
    expect(node(true)).toMatchObject({ labels: label });
    expect(node(true)?.taints).toBeUndefined();
  });

  test("the installer keeps not wiping", () => {
    const install = {
      diskSelector: { serial: 12345 },
      image: "factory/x:v1.13.0",
      wipe: false,
      grubUseUKICmdline: true,
    };
    const { documents } = migrated({ machine: { install } }, "v1.13", "v1.14");
    expect(find(documents, "UnattendedInstallConfig")).toMatchObject([
      {
        installer: { image: "factory/x:v1.13.0" },
        provisioning: { diskSelector: { match: expect.stringContaining('disk.serial == "12345" && ') }, wipe: false },
      },
    ]);
  });

  test.each([
    ["machine.install", { disk: "/dev/sda", extraKernelArgs: ["a=b"], grubUseUKICmdline: true }, "extraKernelArgs"],
    ["machine.install", { disk: "/dev/sda" }, "grubUseUKICmdline"],
    ["machine.install", { diskSelector: { size: "vast" }, grubUseUKICmdline: true }, "size"],
    ["machine.install", { diskSelector: { modalias: "x" }, grubUseUKICmdline: true }, "modalias"],
    ["machine.install", { diskSelector: { type: "tape" }, grubUseUKICmdline: true }, "type"],
    ["machine.kubelet", { image: "k", disableManifestsDirectory: true, extraMounts: [{}] }, "extraMounts"],
    ["machine.kubelet", { image: "k" }, "manifests folder"],
    ["machine.files", [{ path: "/etc/x" }], "by hand"],
    ["cluster.discovery", { enabled: true }, "through Kubernetes"],
  ])("%s stays when the documents cannot say the same: %j", (field, value, reason) => {
    const [top = "", key = ""] = field.split(".");
    const { plan, documents } = migrated({ [top]: { [key]: value } }, "v1.13", "v1.14");
    expect(valueAt(main(documents), field)).toEqual(value);
    expect(plan.steps[0]?.kept).toContainEqual({ field, reason: expect.stringContaining(reason) });
  });

  test("what the base configuration brings is named and left", () => {
    const cluster = { apiServer: { image: "a" }, network: { podSubnets: ["10.0.0.0/8"] } };
    const { plan, documents } = migrated({ cluster }, "v1.13", "v1.14");
    expect(main(documents)).toEqual({ cluster });
    expect(plan.steps[0]?.kept.map(({ field, reason }) => `${field} ${reason.split(" ")[1]}`).sort()).toEqual([
      "cluster.apiServer KubeAPIServerConfig",
      "cluster.network KubeFlannelCNIConfig",
      "cluster.network KubeNetworkConfig",
    ]);
  });

  test("host DNS joins the resolver that is there already", () => {
    const config = text([
      { machine: { features: { hostDNS: { enabled: true } } } },
      { apiVersion: "v1alpha1", kind: "ResolverConfig", nameservers: [{ address: "10.0.0.1" }] },
    ]);
    const documents = parseDocuments(migrationPlan(config, "v1.13", "v1.14").configuration);
    expect(find(documents, "ResolverConfig")).toEqual([
      {
        apiVersion: "v1alpha1",
        kind: "ResolverConfig",
        nameservers: [{ address: "10.0.0.1" }],
        hostDNS: { enabled: true },
      },
    ]);
  });
});

describe("any node, from any contract to any later one", () => {
  const index = fc.nat(CONTRACTS.length - 1);
  const journey = fc.tuple(index, index).chain(([a, b]) => {
    const [from = "v1.11", to = "v1.14"] = [CONTRACTS[Math.min(a, b)], CONTRACTS[Math.max(a, b)]];
    return nodeModel(from).map((model) => ({ from, to, model }));
  });

  test("no document stands beside its field, nothing is left to move, and every step is one contract", () => {
    fc.assert(
      fc.property(journey, ({ from, to, model }) => {
        const plan = migrationPlan(text(nodeDocuments(model, from)), from, to);
        const documents = parseDocuments(plan.configuration);
        expect(twinProblems(documents)).toEqual([]);
        for (const { kind } of documents) if (kind !== undefined) expect(documentsOf(to)).toContain(kind);
        expect([from, ...plan.steps.map((step) => step.to)]).toEqual(
          CONTRACTS.slice(CONTRACTS.indexOf(from), CONTRACTS.indexOf(to) + 1),
        );
        const again = migrationPlan(plan.configuration, from, to);
        expect(again.steps.flatMap((step) => step.moved)).toEqual([]);
        expect(parseDocuments(again.configuration)).toEqual(documents);
      }),
      { numRuns: 200 },
    );
  });
});

describe("talosctl accepts what was migrated", () => {
  const talosctl = findTalosctl();
  let bench: Workbench | undefined;
  beforeAll(() => {
    if (talosctl !== undefined) bench = new Workbench(talosctl);
  });
  afterAll(() => bench?.close());

  for (const to of CONTRACTS.slice(1)) {
    for (const [name, model] of Object.entries(MODELS)) {
      const usable = talosctl !== undefined && compareMinors(minorOf(talosctl.version), to.slice(1)) >= 0;
      const title = `${name} from v1.11 to ${to}`;
      if (!usable) {
        test.skip(`${title} (needs a talosctl of ${to} or later: set PLINTH_TALOSCTL)`, () => {});
        continue;
      }
      test(title, () => {
        if (bench === undefined) throw new Error("no workbench");
        const patches = nodeDocuments(model, "v1.11").map(renderDocument);
        const plan = migrationPlan(bench.patched(model.type, "v1.11", patches), "v1.11", to);
        bench.validate(plan.configuration);
        expect(twinProblems(parseDocuments(plan.configuration))).toEqual([]);
      });
    }
  }
});
