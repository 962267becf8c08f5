import { readFileSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { PROVIDERS, type ProviderName } from "../../components/machine/contract";
import { LatitudeServer } from "../../components/machine/latitude/index";
import { machinesOf, TRAITS } from "../../components/machine/providers";
import { formatProblem } from "../../components/problem";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { Site } from "../../components/site/Site";
import type { SiteFile } from "../../components/site/spec";
import { siteSteps } from "../../components/site/steps";
import { type Registered, recordGraph } from "../support/graph";
import { ROOT } from "../support/site";
import { answered, PRIVATE, siteAt } from "./sites";

/**
 * What every provider of machines keeps: the same site file, run against a recording engine that answers as the vendor
 * would.
 */

const answers = {
  resource: answered,
  call: (token: string, inputs: Record<string, unknown>) =>
    token === "talos:machine/getConfiguration:getConfiguration"
      ? { machineConfiguration: `configuration of ${inputs.machineType}` }
      : { talosConfig: JSON.stringify(inputs.endpoints) },
};

const graph = async (site: SiteFile, preview = false) =>
  recordGraph(() => new Site("site", { site }), answers, preview);

/** Files and scripts that machines are made with: another one is another file, and nobody's machine. */
const IMAGES = new Set([
  "talos:imageFactory/schematic:Schematic",
  "proxmoxve:download/fileLegacy:FileLegacy",
  "vultr:index/startupScript:StartupScript",
]);

/** Everything that the provider's component made, by name. */
function madeBy(resources: readonly Registered[]): Map<string, Registered> {
  const parents = new Set(resources.filter(({ type }) => type.startsWith("plinth:machine:")).map(({ name }) => name));
  return new Map(
    resources.filter(({ parent }) => parents.has(parent)).map((each) => [`${each.type} ${each.name}`, each]),
  );
}

/** Inputs as anybody may read them. */
function open(value: unknown): unknown {
  if (pulumi.runtime.isRpcSecret(value)) return "[secret]";
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(open);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, open(inner)]));
}

const find = (resources: readonly Registered[], type: string, key: string) => {
  const found = resources.find((each) => each.type === type && each.name.endsWith(key));
  if (found === undefined) throw new Error(`no ${type} ${key}`);
  return found;
};

const CONFIGURED = "talos:machine/configurationApply:ConfigurationApply";
const RELEASE = "plinth:talos:ClusterRelease";

interface ReleaseNode {
  readonly address: string;
  readonly reach?: string;
  readonly patches: string;
}

describe.each([...PROVIDERS])("machines of provider %s", (provider: ProviderName) => {
  const traits = TRAITS[provider];

  test("are a sound site, the same five machines as everywhere", () => {
    const { problems, spec } = checkSite(siteAt(provider));
    expect(problems.map(formatProblem)).toEqual([]);
    expect(Object.keys(spec?.machines ?? {})).toHaveLength(5);
  });

  test("carry no user data: what a vendor keeps and every pod can read is no place for a configuration", async () => {
    const { resources } = await graph(siteAt(provider));
    const keys = (value: unknown): string[] =>
      typeof value !== "object" || value === null
        ? []
        : Object.entries(value).flatMap(([key, inner]) => [key, ...keys(inner)]);
    const made = [...madeBy(resources).values()];
    for (const { name, inputs } of made) {
      expect([name, keys(open(inputs)).filter((key) => /user_?data/i.test(key))]).toEqual([name, []]);
      expect([name, JSON.stringify(open(inputs)).includes("configuration of ")]).toEqual([name, false]);
    }
    const asked = siteAt(provider);
    Object.assign(asked.machines["cp-1"] ?? {}, { userData: "machine: {}" });
    expect(checkSite(asked).problems.map(formatProblem)).toEqual([
      expect.stringMatching(/^machines\.cp-1\.userData: unknown key/),
    ]);
  });

  test("each have an address to be called at, a link that carries their own, and a disk", async () => {
    const { resources } = await graph(siteAt(provider));
    const nodes = find(resources, RELEASE, "release").inputs.nodes as Record<string, ReleaseNode>;
    for (const [key, { address, reach, patches }] of Object.entries(nodes)) {
      const called = find(resources, CONFIGURED, key).inputs.node;
      expect(called).toBe(reach ?? address);
      expect([key, reach !== undefined]).toEqual([key, traits.reach === "internet"]);
      const text = String(patches);
      expect(text.includes(address) || text.includes("DHCPv4Config")).toBe(true);
      expect(text).toContain("diskSelector");
    }
    const bootstrap = find(resources, "plinth:talos:Bootstrap", "bootstrap").inputs;
    expect((bootstrap.reach as object[] | undefined)?.length ?? 0).toBe(traits.reach === "internet" ? 3 : 0);
  });

  test("install the image of their platform", async () => {
    const { resources } = await graph(siteAt(provider));
    const release = find(resources, RELEASE, "release").inputs;
    const nodes = release.nodes as Record<string, ReleaseNode>;
    expect(String(nodes["cp-1"]?.patches)).toContain(`/${traits.platform}-installer/`);
    expect((release.upgrade as { platform?: string } | undefined)?.platform ?? "metal").toBe(traits.platform);
  });

  test("are never replaced for another image, version or extension", async () => {
    const before = madeBy((await graph(siteAt(provider))).resources);
    const changed = siteAt(provider, (site) => {
      site.talos.version = "v1.13.9";
      site.talos.extensions = ["siderolabs/iscsi-tools", "siderolabs/qemu-guest-agent"];
      site.talos.kernelArgs = ["console=ttyS0"];
    });
    const after = madeBy((await graph(changed)).resources);
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [name, machine] of before) {
      if (IMAGES.has(machine.type)) continue;
      const inputs = after.get(name)?.inputs ?? {};
      const differ = Object.keys({ ...machine.inputs, ...inputs }).filter(
        (key) => JSON.stringify(machine.inputs[key]) !== JSON.stringify(inputs[key]),
      );
      // What is used only when a machine is made: ignored from then on, by the engine or by plinth's own resource.
      const harmless = new Set([...machine.ignoreChanges, ...(HARMLESS[machine.type] ?? [])]);
      expect([name, differ.filter((key) => !harmless.has(key))]).toEqual([name, []]);
    }
  });

  test("are another machine under another generation, beside the old one until all is done; another size is none", async () => {
    const before = madeBy((await graph(siteAt(provider))).resources);
    const sized = siteAt(provider, (site) => {
      if (traits.billed) site.machines["cp-1"].size = "another-2c-8gb";
    });
    for (const [name, machine] of madeBy((await graph(sized)).resources)) {
      const { size: _, ...old } = before.get(name)?.inputs ?? {};
      const differ = Object.keys(old).filter((key) => JSON.stringify(machine.inputs[key]) !== JSON.stringify(old[key]));
      const refused = machine.type === "plinth:latitude:Server" ? ["plan"] : [];
      const harmless = [...machine.ignoreChanges, ...refused];
      expect([name, differ.filter((key) => !harmless.includes(key))]).toEqual([name, []]);
    }

    const renewed = siteAt(provider, (site) => {
      site.machines["cp-1"].generation = 2;
    });
    const after = madeBy((await graph(renewed)).resources);
    const machine = (name: string) => /(Server|VmLegacy|Instance) \S+$/.test(name);
    const gone = [...before.keys()].filter((name) => !after.has(name));
    const come = [...after.keys()].filter((name) => !before.has(name));
    if (provider === "latitude") {
      // Its own resource orders another server for the same key; the tests of the resource prove it.
      expect([gone, come]).toEqual([[], []]);
      expect(after.get("plinth:latitude:Server site-machines-cp-1")?.inputs.generation).toBe(2);
    } else {
      expect(gone.filter(machine).length).toBe(traits.ordered ? 1 : 0);
      expect(gone.every((name) => /-cp-1(-talos)?$/.test(name))).toBe(true);
      expect(come.sort()).toEqual(gone.map((name) => `${name}-g2`).sort());
    }
    // Names are one of a kind at a vendor while both are there.
    const names = [...before.values(), ...after.values()].flatMap(({ type, inputs }) =>
      /hcloud:index\/server:|vultr:index\/instance:|plinth:latitude:Server/.test(type)
        ? [JSON.stringify(open(inputs.name ?? inputs.label ?? inputs.hostname))]
        : [],
    );
    expect(new Set(names).size).toBe(traits.billed ? 6 : 0);
    for (const [name, { type, inputs, deleteBeforeReplace }] of after) {
      if (name.includes("-cp-1") || /VirtualNetwork|LoadBalancer/.test(type)) continue;
      expect([name, inputs]).toEqual([name, before.get(name)?.inputs]);
      // One address is handed on; whatever else is made anew is there before the old one goes.
      expect([name, deleteBeforeReplace]).toEqual([name, type === "hcloud:index/serverNetwork:ServerNetwork"]);
    }
  });

  test("come and go alone: one more or less touches no other machine", async () => {
    const before = madeBy((await graph(siteAt(provider))).resources);
    const fewer = siteAt(provider, (site) => {
      delete site.machines["worker-2"];
    });
    const after = madeBy((await graph(fewer)).resources);
    const gone = [...before.keys()].filter((name) => !after.has(name));
    expect(gone.every((name) => name.includes("worker-2"))).toBe(true);
    expect(gone.length > 0).toBe(traits.ordered);
    for (const [name, machine] of after) {
      const shared = /VirtualNetwork|LoadBalancer/.test(machine.type);
      if (!shared) expect([name, machine.inputs]).toEqual([name, before.get(name)?.inputs]);
    }
  });

  test("show no credential in any input", async () => {
    const { resources } = await graph(siteAt(provider));
    for (const { name, inputs } of resources)
      expect([name, JSON.stringify(open(inputs))]).not.toEqual([name, expect.stringContaining(PRIVATE)]);
  });

  test("are made only after what their component waits for, as the site's licence", async () => {
    const Machines = machinesOf(provider);
    if (Machines === undefined) return;
    const plan = planSite(parseSite(siteAt(provider)));
    const machines = plan.nodes.map((node) => ({ node, address: "10.0.3.9" }));
    const { resources } = await recordGraph(() => {
      const first = new LatitudeServer("first", {
        project: "p",
        site: "NYC",
        plan: "p",
        hostname: "h",
        ipxe: "https://a",
      });
      return new Machines("site-machines", { plan, machines }, { dependsOn: [first] });
    }, answers);
    const made = [...madeBy(resources).values()].filter(({ type }) => /Server$|VmLegacy|Instance$/.test(type));
    expect(made.length).toBeGreaterThanOrEqual(5);
    for (const { name, dependsOn } of made)
      expect([name, dependsOn]).toEqual([name, expect.arrayContaining(["first"])]);
  });

  test("are configured only when they are there", async () => {
    const { resources } = await graph(siteAt(provider));
    const waits = find(resources, CONFIGURED, "cp-1").dependsOn.filter((name) => name.includes("machines-cp-1"));
    expect(waits.length > 0).toBe(traits.ordered);
  });

  test("make the same graph in a first preview, when nothing of them is known", async () => {
    const names = ({ resources }: { readonly resources: readonly Registered[] }) =>
      resources.map(({ type, name }) => `${type} ${name}`).sort();
    expect(names(await graph(siteAt(provider), true))).toEqual(names(await graph(siteAt(provider))));
  });

  test("are refused without their part, and with a part of another provider", () => {
    const without = siteAt(provider, (site) => {
      delete site[provider];
    });
    const wrong = siteAt(provider, (site) => {
      site[provider === "vultr" ? "latitude" : "vultr"] = { region: "ams", size: "vc2-2c-4gb" };
    });
    const paths = (site: SiteFile) => checkSite(site).problems.map(({ path }) => path.split(".")[0]);
    expect(paths(without).includes(provider)).toBe(["latitude", "proxmox", "hetzner", "vultr"].includes(provider));
    expect(paths(wrong)).toContain(provider === "vultr" ? "latitude" : "vultr");
  });

  test("have an Ethernet address from who knows it", () => {
    const other = siteAt(provider, (site) => {
      if (traits.mac === "site") delete site.machines["cp-1"].mac;
      else site.machines["cp-1"].mac = "52:54:00:77:00:0b";
    });
    const [problem] = checkSite(other).problems.map(formatProblem);
    expect(problem).toContain(traits.mac === "site" ? "machines.cp-1.mac: is missing" : `${traits.title} tells it`);
  });

  test("have an architecture that can be had", () => {
    const arm = siteAt(provider, (site) => {
      site.machines["worker-1"].arch = "arm64";
      if (provider === "hetzner") site.machines["worker-1"].size = "cax21";
    });
    expect(checkSite(arm).problems.some(({ path }) => path === "machines.worker-1.arch")).toBe(
      !traits.architectures.includes("arm64"),
    );
  });
});

/** Inputs whose change replaces nothing, beside those that are ignored. */
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  // Read only when a server is ordered; the resource's own tests prove it.
  "plinth:latitude:Server": ["ipxe", "gpu"],
  // The hypervisor is told of the guest agent in place.
  "proxmoxve:index/vmLegacy:VmLegacy": ["agent"],
};

const BOOT = {
  yours: "yours",
  simulated: "simulated",
  image: "its image",
  rescue: "rescue system, once",
  ipxe: "iPXE, once",
};

test("the guide's table is what the contract says", () => {
  const rows = PROVIDERS.map((name) => {
    const { title, architectures, boot, mac, reach, sharedAddress, power, billed, packages } = TRAITS[name];
    return [
      `\`${name}\``,
      title,
      architectures.join(", "),
      BOOT[boot],
      mac === "site" ? "site file" : "vendor",
      reach === "own" ? "own address" : "the Internet",
      sharedAddress ? "yes" : "no",
      power,
      billed ? "yes" : "no",
      packages.map((each) => `\`${each}\``).join(", ") || "-",
    ];
  });
  const head = [
    "provider",
    "machines",
    "arch",
    "first Talos",
    "MAC",
    "called at",
    "VIP",
    "power",
    "billed",
    "packages",
  ];
  const table = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
  const guide = readFileSync(path.join(ROOT, "docs/providers.md"), "utf8");
  expect(/<!-- traits -->\n([\s\S]*?)\n<!-- \/traits -->/.exec(guide)?.[1]).toBe(table);
});

test("rented control planes cannot share an address where nobody announces it, and need a name where they are called", () => {
  const site = siteAt("hetzner", (file) => {
    file.network.vip = "10.0.3.10";
    delete file.hetzner.loadBalancer;
  });
  expect(checkSite(site).problems.map(formatProblem)).toEqual([
    "network.endpoint: is missing: machines at Hetzner Cloud are called over the Internet (write a DNS name that will point at the control planes; the output reach tells their addresses before it is needed)",
    "network.vip: control planes at Hetzner Cloud cannot share an address (remove it; network.endpoint or a loadBalancer takes its place)",
  ]);
});

test("a load balancer of the provider is the endpoint, unless the site has a name for it", async () => {
  const endpoint = async (site: SiteFile) =>
    find((await graph(site)).resources, "plinth:talos:Bootstrap", "bootstrap").inputs.endpoint;
  expect(await endpoint(siteAt("hetzner"))).toBe("https://203.0.113.9:6443");
  const named = siteAt("vultr", (file) => {
    file.network.endpoint = "api.example.org";
  });
  expect(await endpoint(named)).toBe("https://api.example.org:6443");
});

test("a machine at Latitude.sh has its own address on the VLAN, the VIP there, and etcd keeps to it", async () => {
  const { resources } = await graph(siteAt("latitude"));
  const patches = String(
    (find(resources, RELEASE, "release").inputs.nodes as Record<string, ReleaseNode>)["cp-1"]?.patches,
  );
  expect(patches).toContain("name: net0.2012");
  expect(patches).toMatch(/10\.0\.3\.11\/24[\s\S]*kind: VLANConfig/);
  expect(patches).toMatch(/Layer2VIPConfig[\s\S]*link: net0\.2012/);
  expect(patches).toMatch(/198\.51\.100\.\d+\/25/);
  expect(patches).toMatch(/advertisedSubnets:\s+- 10\.0\.3\.0\/24/);
});

test("machines at Latitude.sh fail with their rack, unless the site file knows better; that etcd stands in one is said", async () => {
  const warned = jest.spyOn(pulumi.log, "warn").mockResolvedValue(undefined);
  try {
    const domains = async (edit: (site: SiteFile) => void = () => undefined) => {
      warned.mockClear();
      const silent = siteAt("latitude", (site) => {
        for (const machine of Object.values<{ failureDomain?: string }>(site.machines)) delete machine.failureDomain;
        edit(site);
      });
      const { resources } = await graph(silent);
      const nodes = find(resources, RELEASE, "release").inputs.nodes as Record<string, { failureDomain?: string }>;
      const told = warned.mock.calls.map(([message]) => message).filter((text) => text.includes("failure domain"));
      return { domains: Object.values(nodes).map(({ failureDomain }) => failureDomain), told };
    };
    const told = "the control planes stand in 1 failure domain: losing one loses etcd's quorum";
    expect(await domains()).toEqual({ domains: Array(5).fill("rack_1"), told: [told] });
    const named = await domains((site) => {
      for (const key of ["cp-1", "cp-2", "cp-3"])
        Object.assign(site.machines[key] ?? {}, { failureDomain: `room-${key}` });
    });
    expect(named.told).toEqual([]);
    expect(named.domains.sort()).toEqual(["rack_1", "rack_1", "room-cp-1", "room-cp-2", "room-cp-3"]);
  } finally {
    warned.mockRestore();
  }
});

test("another size at Latitude.sh is another order only with a higher generation, under another name", async () => {
  const site = siteAt("latitude", (file) => {
    file.machines["cp-1"].size = "c3-medium-x86";
    file.machines["cp-1"].generation = 2;
  });
  const server = find((await graph(site)).resources, "plinth:latitude:Server", "cp-1").inputs;
  expect(server).toMatchObject({ plan: "c3-medium-x86", hostname: "lab-cp-1-g2", generation: 2 });
});

test("a GPU is refused where it is known that there is none", () => {
  const problems = (provider: ProviderName, machine: object) =>
    checkSite(siteAt(provider, (site) => Object.assign(site.machines["worker-1"], { gpus: 1 }, machine)))
      .problems.map(formatProblem)
      .filter((each) => each.includes("gpus"));
  expect(problems("hetzner", {})).toEqual([
    "machines.worker-1.gpus: no server type of Hetzner Cloud has a GPU (remove it)",
  ]);
  expect(problems("vultr", {})).toEqual([
    "machines.worker-1.gpus: vc2-2c-4gb has no GPU: Vultr's plans with one begin with vcg- (give it a size that begins with vcg-, or remove it)",
  ]);
  expect(problems("vultr", { size: "vcg-a16-2c-8g-2vram" })).toEqual([]);
  expect(problems("proxmox", { vm: { cores: 8 } })).toEqual([
    "machines.worker-1.gpus: no PCI device is handed to its virtual machine (add vm.pci with the mapping of the GPU, or remove it)",
  ]);
  expect(problems("proxmox", { vm: { pci: ["gpu0"] } })).toEqual([]);
  expect(problems("metal", {})).toEqual([]);
});

test("Secure Boot is refused where the first Talos is the plain one", () => {
  for (const provider of PROVIDERS) {
    const site = siteAt(provider, ({ talos }) => Object.assign(talos, { secureBoot: true }));
    const told = checkSite(site).problems.map(({ path }) => path);
    expect([provider, told.includes("talos.secureBoot")]).toEqual([provider, !TRAITS[provider].secureBoot]);
  }
});

test("a virtual machine has UEFI, a TPM that stays what it is, and tags by which it is found", async () => {
  const machines = async (edit?: Parameters<typeof siteAt>[1]) =>
    (await graph(siteAt("proxmox", edit))).resources.filter(({ type }) => type.endsWith(":VmLegacy"));
  for (const { inputs, ignoreChanges } of await machines()) {
    expect(inputs).toMatchObject({
      bios: "ovmf",
      efiDisk: { datastoreId: "local-zfs", type: "4m", preEnrolledKeys: false },
      tpmState: { datastoreId: "local-zfs", version: "v2.0" },
      tags: [expect.stringMatching(/^(controlplane|lab)$/), expect.any(String), expect.any(String)],
    });
    expect(inputs.tags).toEqual(expect.arrayContaining(["lab", "plinth"]));
    expect(ignoreChanges).toContain("tpmState");
  }
  const [without] = await machines((site) => {
    site.proxmox.tpm = false;
  });
  expect(without?.inputs.tpmState).toBeUndefined();
});

test("virtual machines fall with their host, unless the site file knows better", () => {
  const plan = (edit: (machines: Record<string, object>) => void, provider: ProviderName = "proxmox") =>
    planSite(
      parseSite(
        siteAt(provider, ({ machines }) => {
          for (const key of Object.keys(machines)) delete machines[key].failureDomain;
          edit(machines);
        }),
      ),
    );
  const { nodes, warnings } = plan((machines) => {
    Object.assign(machines["cp-2"] ?? {}, { vm: { host: "pve2" } });
    Object.assign(machines["cp-3"] ?? {}, { failureDomain: "rack-b" });
  });
  const domains = Object.fromEntries(nodes.map(({ key, failureDomain }) => [key, failureDomain]));
  expect(domains).toMatchObject({ "cp-1": "pve1", "cp-2": "pve2", "cp-3": "rack-b", "worker-1": "pve1" });
  expect(warnings).toEqual([]);
  expect(plan(() => undefined).warnings).toEqual([
    "the control planes stand in 1 failure domain: losing one loses etcd's quorum",
  ]);
  expect(plan(() => undefined, "metal").nodes.map(({ failureDomain }) => failureDomain)).toEqual(
    Array(5).fill(undefined),
  );
});

test("no machine has the key that another one's later generation is called by", () => {
  const told = (provider: ProviderName) =>
    checkSite(
      siteAt(provider, ({ machines }) => {
        machines["worker-1-g2"] = { ...machines["worker-2"] };
        delete machines["worker-2"];
        machines["worker-1"].generation = 2;
      }),
    ).problems.map(formatProblem);
  expect(told("hetzner")).toEqual([
    "machines.worker-1-g2: worker-1 is called so at Hetzner Cloud since its generation 2 (give this machine another key)",
  ]);
  expect(told("metal")).toEqual([]);
});

test("Hetzner's load balancer joins the network after the machines: it takes any address that is free", async () => {
  const { resources } = await graph(siteAt("hetzner"));
  const { dependsOn } = find(resources, "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork", "api-network");
  expect(dependsOn.filter((name) => name.endsWith("-link"))).toHaveLength(5);
});

test("a server type at Hetzner Cloud has the processor that its image is for", () => {
  const told = (machine: object, size = "cx33") =>
    checkSite(
      siteAt("hetzner", (site) => {
        site.hetzner.size = size;
        Object.assign(site.machines["worker-1"], machine);
      }),
    ).problems.map(formatProblem);
  expect(told({ arch: "arm64" })).toEqual([
    "machines.worker-1.arch: cx33 is amd64, and an image for arm64 does not start there (write arch: amd64, or another size)",
  ]);
  expect(told({ arch: "arm64", size: "cax21" })).toEqual([]);
  expect(told({ size: "cax21" })).toEqual([
    "machines.worker-1.arch: cax21 is arm64, and an image for amd64 does not start there (write arch: arm64, or another size)",
  ]);
  expect(told({}, "cax21")).toHaveLength(5);
});

test("a plan says of each vendor whether a preview asks it", () => {
  const gates = (provider: ProviderName) =>
    Object.fromEntries(siteSteps(planSite(parseSite(siteAt(provider)))).map(({ name, gate }) => [name, gate]));
  expect(gates("latitude")).toMatchObject({
    credentials: "Latitude.sh takes the stack's credentials",
    plan: expect.stringContaining("the nearest alternatives are told"),
  });
  expect(gates("hetzner")).toMatchObject({
    credentials: "Hetzner Cloud takes the stack's credentials, with the first order",
    plan: "Hetzner Cloud takes the first order: a preview does not ask it what can be had",
  });
});
