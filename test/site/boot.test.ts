import type * as pulumi from "@pulumi/pulumi";
import { formatProblem } from "../../components/problem";
import { nodeModel } from "../../components/site/nodes";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { Site } from "../../components/site/Site";
import type { SiteFile } from "../../components/site/spec";
import { recordGraph } from "../support/graph";
import { siteFile } from "../support/site";

const UUID = "4c4c4544-0087-3010-8052-b4c04f4d0004";

/** What the engine's other providers would say. */
const ANSWERS = {
  resource(type: string): Record<string, unknown> {
    if (type === "plinth:address:Pool") return { addresses: { "worker-1": "127.77.0.44" } };
    if (type !== "talos:machine/secrets:Secrets") return {};
    const machineSecrets = { certs: { k8s: { cert: "" } }, cluster: { id: "c" } };
    return { machineSecrets, clientConfiguration: { caCertificate: "Y2E=" } };
  },
  call: (_token: string, _inputs: object) => ({ machineConfiguration: "role", talosConfig: "" }),
};

const isSecret = (output: unknown) => (output as pulumi.Output<unknown> & { isSecret: Promise<boolean> }).isSecret;

/** A site whose first worker boots over the network and says what it is made of. */
async function graph(edit: (site: SiteFile) => void = () => undefined) {
  const site: SiteFile = siteFile();
  Object.assign(site.machines["worker-1"] ?? {}, {
    hardware: "generic-amd64",
    allowHardware: ["memory"],
    boot: { uuid: UUID, device: "rack-a-7" },
    generation: 3,
  });
  edit(site);
  const { resources } = await recordGraph(() => new Site("site", { site }), ANSWERS);
  return (name: string) => {
    const found = resources.filter((resource) => resource.name === name);
    expect([name, found.length]).toEqual([name, 1]);
    return found[0];
  };
}

test("a machine is compared before it is installed, in its first generation and in later ones", async () => {
  const byName = await graph();
  expect(byName("site-hardware-worker-1")).toMatchObject({
    type: "plinth:hardware:Match",
    inputs: {
      machine: "worker-1",
      address: "127.77.0.21",
      profile: "generic-amd64",
      allow: ["memory"],
      generation: 3,
      declared: { mac: "52:54:00:77:00:15", uuid: "4c4c4544-0087-3010-8052-b4c04f4d0004", image: { extensions: [] } },
    },
    dependsOn: [],
  });
  expect(byName("site-worker-1")?.dependsOn).toContain("site-hardware-worker-1");
  expect(byName("site-release")?.dependsOn).toContain("site-hardware-worker-1");
  expect(byName("site-worker-2")?.dependsOn).not.toContain("site-hardware-worker-1");
});

test("its permission names the device that NetBox has to know, and what ends it", async () => {
  const byName = await graph();
  expect(byName("site-boot-worker-1")).toMatchObject({
    type: "plinth:boot:Intent",
    inputs: { action: "install", generation: 3, device: "rack-a-7", proof: { address: "127.77.0.21", ca: "ca" } },
  });
});

describe("a machine whose kernel is told the network", () => {
  const intentOf = async (boot: object, more: (site: SiteFile) => void = () => undefined) =>
    (
      await graph((site) => {
        Object.assign(site.machines["worker-1"]?.boot ?? {}, boot);
        more(site);
      })
    )("site-boot-worker-1")?.inputs as { readonly image: { readonly args: readonly string[] } };
  const told = async (...given: Parameters<typeof intentOf>) =>
    (await intentOf(...given)).image.args.filter((arg) => /^(bond|ip|vlan)=/.test(arg));

  test("has its own address there, and what the site says around it", async () => {
    expect(await told({})).toEqual([]);
    expect(await told({ network: {} })).toEqual([
      "ip=127.77.0.21::127.77.0.1:255.255.255.0::enx525400770015:off:127.77.0.1::127.77.0.1",
    ]);
    expect(await told({ network: { link: "eno1", dhcp: true } })).toEqual(["ip=:::::eno1:dhcp"]);
  });

  test("has the address that its pool gave it", async () => {
    const claimed = (site: SiteFile) => {
      site.pools = { nodes: { range: "127.77.0.40-127.77.0.50" } };
      Object.assign(site.machines["worker-1"] ?? {}, { address: { pool: "nodes" } });
    };
    expect(await told({ network: { link: "eno1" } }, claimed)).toEqual([
      "ip=127.77.0.44::127.77.0.1:255.255.255.0::eno1:off:127.77.0.1::127.77.0.1",
    ]);
  });

  test("is in the same VLAN later, when Talos runs from its disk", async () => {
    const vlan = { network: { link: "eno1", vlan: 20 } };
    expect(await told(vlan)).toEqual([
      "vlan=eno1.20:eno1",
      "ip=127.77.0.21::127.77.0.1:255.255.255.0::eno1.20:off:127.77.0.1::127.77.0.1",
    ]);
    const site = siteFile();
    site.machines["worker-1"].boot = { uuid: UUID, ...vlan };
    const plan = planSite(parseSite(site));
    const node = plan.nodes.find(({ key }) => key === "worker-1");
    if (node === undefined) throw new Error("worker-1 is in the site");
    const [link] = nodeModel(plan, node, { address: "127.77.0.21" }).interfaces ?? [];
    expect(link).toMatchObject({ mac: "52:54:00:77:00:15", vlans: [{ id: 20, addresses: ["127.77.0.21/24"] }] });
    expect(link?.addresses).toBeUndefined();
  });
});

test("a machine that enrols gets the whole of its configuration, secret, and no other machine does", async () => {
  const configurations: unknown[] = [];
  const site: SiteFile = siteFile();
  for (const key of ["worker-1", "worker-2"]) {
    Object.assign(site.machines[key] ?? {}, { boot: { uuid: UUID, enrol: key === "worker-1" } });
  }
  Object.assign(site.machines["worker-2"]?.boot ?? {}, { uuid: UUID.replace(/4$/, "5") });
  const { resources, result } = await recordGraph(() => new Site("site", { site }), {
    resource: (type) =>
      type === "plinth:boot:Intent"
        ? { ...ANSWERS.resource(type), enrolment: "talos.config=x" }
        : ANSWERS.resource(type),
    call: (token, inputs) => {
      if (inputs.configPatches !== undefined) configurations.push(inputs);
      return ANSWERS.call(token, inputs);
    },
  });
  const intents = resources.filter(({ type }) => type === "plinth:boot:Intent").map(({ inputs }) => inputs);
  intents.sort((a, b) => String(a.machine).localeCompare(String(b.machine)));
  expect(intents.map(({ machine, enrol }) => [machine, enrol])).toEqual([
    ["worker-1", true],
    ["worker-2", undefined],
  ]);
  expect(intents.map((inputs) => inputs.configuration)).toEqual([
    expect.objectContaining({ value: "role" }),
    undefined,
  ]);
  expect(configurations).toEqual([
    expect.objectContaining({
      machineType: "worker",
      configPatches: expect.arrayContaining([expect.stringContaining("127.77.0.21/24")]),
    }),
  ]);
  expect(await isSecret(result.enrolments)).toBe(true);
});

test("what cannot be is refused with its place", () => {
  const problems = (boot: object, more: object = {}) => {
    const site = siteFile();
    site.machines["worker-1"].boot = { uuid: UUID, ...boot };
    Object.assign(site.network, more);
    return checkSite(site).problems.map(formatProblem);
  };
  expect(problems({ network: { link: "ENO 1" } })).toEqual([
    expect.stringMatching(/^machines\.worker-1\.boot\.network\.link: "ENO 1" is neither a link's name nor a MAC/),
  ]);
  expect(problems({ network: { vlan: 20 } })).toEqual([
    expect.stringMatching(/^machines\.worker-1\.boot\.network\.link: a bond or a VLAN takes links by name alone/),
  ]);
  expect(problems({ network: { link: "eno1", vlan: 4095 } })).toEqual([
    expect.stringMatching(
      /^machines\.worker-1\.boot\.network\.vlan: 4095 does not fit here \(write a VLAN as 1 to 4094\)/,
    ),
  ]);
  expect(problems({ network: { links: ["eno1"] } })).toEqual([
    "machines.worker-1.boot.network.links: unknown key (did you mean link?)",
  ]);
  expect(problems({ enrol: true, action: "wipe" })).toEqual([
    "machines.worker-1.boot.enrol: hands out what an install needs, not wipe (leave enrol out, or write action: install)",
  ]);
  expect(problems({ network: {} }, { cidr: "fd00:77::/64" })).toContainEqual(
    expect.stringMatching(/^machines\.worker-1\.boot\.network: the kernel can be told IPv4 addresses alone/),
  );
});
