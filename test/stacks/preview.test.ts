/** Every stack that plinth comes with previews without credentials: what is asked of a vendor is answered by a record. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import type { PoolInputs } from "../../components/address/IpPool";
import type { IntentInputs } from "../../components/boot/BootIntent";
import type { ServerInputs } from "../../components/machine/latitude/LatitudeServer";
import { formatProblem } from "../../components/problem";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { Site } from "../../components/site/Site";
import { poolResource } from "../../provider/address/real";
import { intentResource } from "../../provider/boot/real";
import { realLatitudeDrivers } from "../../provider/latitude/drivers";
import { latitudeServer } from "../../provider/latitude/Server";
import { answered } from "../machine/sites";
import { listen } from "../provider/context";
import { type Registered, recordGraph } from "../support/graph";
import { ROOT, siteFile } from "../support/site";

const RECORDED = path.join(ROOT, "stacks/recorded");
const stacks = readdirSync(path.join(ROOT, "stacks"))
  .map((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1])
  .filter((name) => name !== undefined);

const state = mkdtempSync(path.join(tmpdir(), "plinth-stacks-"));
afterAll(() => rmSync(state, { recursive: true, force: true }));
beforeEach(() => {
  process.env.PLINTH_STATE_DIR = state;
  process.env.PLINTH_RECORDED = RECORDED;
  delete process.env.LATITUDESH_BEARER;
});
afterEach(() => {
  delete process.env.PLINTH_STATE_DIR;
  delete process.env.PLINTH_RECORDED;
});

async function preview(stack: string): Promise<readonly Registered[]> {
  const call = (token: string) =>
    token === "talos:machine/getConfiguration:getConfiguration" ? { machineConfiguration: "c" } : { talosConfig: "t" };
  const { resources } = await recordGraph(
    () => new Site("site", { site: siteFile(stack) }),
    { resource: answered, call },
    true,
  );
  return resources;
}

/** What plinth's own provider says to an order, asked as at a first preview. */
const problemsOf = async (inputs: object) =>
  (await latitudeServer(realLatitudeDrivers).check(inputs as ServerInputs, listen().context)).map(formatProblem);

test("there are stacks for home, the edge and rented machines, and for the lab", () => {
  expect(stacks).toEqual(expect.arrayContaining(["edge", "home", "lab", "latitude"]));
});

test.each(stacks)("%s is a sound site", (stack) => {
  expect(checkSite(siteFile(stack)).problems.map(formatProblem)).toEqual([]);
});

test.each(stacks)("%s has a pod network, and machines that take ordinary pods", (stack) => {
  const { warnings } = planSite(parseSite(siteFile(stack)));
  expect(warnings.filter((each) => /no platform brings a network|no machine takes ordinary pods/.test(each))).toEqual(
    [],
  );
});

test("home: what the cluster is for runs in it: network, addresses, volumes, names and certificates", async () => {
  const plan = planSite(parseSite(siteFile("home")));
  expect(plan.platform?.services.map(({ name }) => name)).toEqual([
    ...["cilium", "metallb", "ingress-nginx", "proxmox-csi", "sealed-secrets", "reloader", "powerdns", "cert-manager"],
    ...["dns-solver", "issuers", "external-dns"],
  ]);
  expect(plan.platform?.phases[0]?.services).toEqual(["cilium"]);
  const resources = await preview("home");
  const platform = resources.find(({ type }) => type === "plinth:platform:Platform");
  expect(platform?.parent).toBe("site");
  const charts = resources.filter(({ type }) => type === "kubernetes:helm.sh/v3:Release");
  expect(charts.map(({ inputs }) => inputs.name)).toEqual(
    expect.arrayContaining(["cilium", "metallb", "cert-manager"]),
  );
  // The driver finds the host of a machine by what its Node says.
  for (const { labels, vm } of plan.nodes) {
    expect(labels).toMatchObject({ "topology.kubernetes.io/region": "home", "topology.kubernetes.io/zone": vm?.host });
  }
  // The API's own address is none that a Service could get.
  const pools = resources.filter(({ type }) => type.endsWith(":IPAddressPool"));
  expect(pools.map(({ inputs: { spec } }) => (spec as { addresses: string[] }).addresses)).toEqual(
    expect.arrayContaining([["10.0.3.4-10.0.3.20"]]),
  );
});

test("home: the token of its volumes is asked for, but not by a preview of recorded answers", async () => {
  delete process.env.PLINTH_RECORDED;
  await expect(preview("home")).rejects.toThrow(
    'platform.proxmox-csi: proxmox-csi: this stack has no secret "proxmox-csi" (pulumi config set --secret secrets:proxmox-csi)',
  );
  process.env.PLINTH_RECORDED = RECORDED;
  const site = () => new Site("site", { site: siteFile("home") });
  await expect(recordGraph(site, { resource: answered })).rejects.toThrow('this stack has no secret "proxmox-csi"');
});

test("home: five virtual machines on three hosts, each host with the image", async () => {
  const resources = await preview("home");
  const machines = resources.filter(({ type }) => type === "proxmoxve:index/vmLegacy:VmLegacy");
  expect(machines.map(({ inputs }) => [inputs.name, inputs.nodeName])).toEqual([
    ["controller-0", "pve1"],
    ["controller-1", "pve2"],
    ["controller-2", "pve3"],
    ["worker-0", "pve2"],
    ["worker-1", "pve3"],
  ]);
  const images = resources.filter(({ type }) => type === "proxmoxve:download/fileLegacy:FileLegacy");
  expect(images.map(({ inputs }) => inputs.nodeName)).toEqual(["pve1", "pve2", "pve3"]);
  expect(String(images[0]?.inputs.url)).toMatch(/\/image\/[0-9a-f]{64}\/v1\.13\.9\/nocloud-amd64\.iso$/);
  // It stays when it is no longer wanted, and is taken over when it is wanted again: Proxmox refuses a second of its name.
  expect(images.every(({ retainOnDelete }) => retainOnDelete)).toBe(true);
  expect(images.map(({ inputs }) => inputs.overwriteUnmanaged)).toEqual([true, true, true]);
});

test("latitude: four orders that the recorded account can carry out, one of them with a GPU", async () => {
  const orders = (await preview("latitude")).filter(({ type }) => type === "plinth:latitude:Server");
  expect(orders.map(({ inputs }) => [inputs.hostname, inputs.plan, inputs.gpu ?? false])).toEqual([
    ["cloud-cp-1", "c2-small-x86", false],
    ["cloud-cp-2", "c2-small-x86", false],
    ["cloud-cp-3", "c2-small-x86", false],
    ["cloud-gpu-1", "g3-large-x86", true],
  ]);
  for (const { inputs } of orders) expect(await problemsOf(inputs)).toEqual([]);
});

test("edge: three small arm64 machines whose addresses NetBox would give next", async () => {
  const resources = await preview("edge");
  const [nodes] = resources.filter(({ type }) => type === "plinth:address:Pool");
  const inputs = nodes?.inputs as unknown as PoolInputs;
  const heard = listen();
  expect(await poolResource.check(inputs, heard.context)).toEqual([]);
  await poolResource.preview(inputs, undefined, heard.context);
  expect(heard.lines).toEqual([
    "network.vip, pi-1, pi-2, pi-3: next free, not reserved: 10.30.0.10, 10.30.0.11, 10.30.0.12, 10.30.0.13",
  ]);
  const intents = resources.filter(({ type }) => type === "plinth:boot:Intent");
  expect(intents.map(({ inputs: { machine, device, diskBoot } }) => [machine, device, diskBoot])).toEqual([
    ["pi-1", "edge-pi-1", "404"],
    ["pi-2", "edge-pi-2", "404"],
    ["pi-3", "edge-pi-3", "404"],
  ]);
  for (const intent of intents) {
    const given = intent.inputs as unknown as IntentInputs;
    expect(await intentResource.check(given, listen().context)).toEqual([]);
    expect(
      (await intentResource.check({ ...given, device: "edge-pi-9" }, listen().context)).map(formatProblem),
    ).toEqual([expect.stringMatching(/^mac: dc:a6:32:00:00:0\d belongs to edge-pi-\d in NetBox, not to edge-pi-9/)]);
  }
  const other = { ...inputs, prefix: "10.99.0.0/24" };
  const [problem] = (await poolResource.check(other, heard.context)).map(formatProblem);
  expect(problem).toMatch(
    /^GET \/api\/ipam\/prefixes\/\S+prefix=10\.99\.0\.0\/24\S+: is not in .*netbox\.yaml \(record it there/,
  );
});

test("what the record refuses is refused, and what is not in it fails with its date and version", async () => {
  const [order] = (await preview("latitude")).filter(({ type }) => type === "plinth:latitude:Server");
  expect(await problemsOf({ ...order?.inputs, site: "FRA" })).toEqual([
    "plan: c2-small-x86 is out of stock in FRA (in stock: c2-small-x86 in CHI (0.21 $/h), c2-small-x86 in DAL (0.21 $/h), c2-small-x86 in MIA2 (0.21 $/h); c2-small-x86 is in stock in CHI, DAL, LAX, MIA2, NYC)",
  ]);
  const [unknown] = await problemsOf({ ...order?.inputs, hostname: "cloud-cp-9" });
  expect(unknown).toMatch(
    /^GET \/servers\?filter\[project\]=cloud&filter\[hostname\]=cloud-cp-9.*is not in .*latitude\.yaml/,
  );
  await expect(
    latitudeServer(realLatitudeDrivers).create(order?.inputs as unknown as ServerInputs, listen().context),
  ).rejects.toThrow(/The recorded answers of latitude \(2026-08-05, API 2023-06-01\) do not do:/);
});

test("every record says when, of which version and from where it is", () => {
  for (const file of readdirSync(RECORDED)) {
    const record = parse(readFileSync(path.join(RECORDED, file), "utf8"));
    expect([file, Object.keys(record)]).toEqual([file, ["date", "api", "source", "answers"]]);
  }
});
