import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { Command } from "commander";
import { stringify } from "yaml";
import { registerPlan } from "../../cli/commands/plan";
import { notAsked } from "../../components/licensing/asked";
import { countAdopted, countUse, declaredDevices } from "../../components/licensing/count";
import { keyRing } from "../../components/licensing/keys";
import type { Use } from "../../components/licensing/use";
import { verifyLicence } from "../../components/licensing/verdict";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { unreachedRegistries } from "../../components/site/pulls";
import { Site, type SiteArgs } from "../../components/site/Site";
import type { SiteFile } from "../../components/site/spec";
import { recordGraph } from "../support/graph";
import { siteFile } from "../support/site";
import { vendor } from "./support";

const KEYS = [{ x: vendor.x }];
const LICENCE: NonNullable<SiteFile["licence"]> = { text: "a licence\n", keys: KEYS };
const licensed = (over: Partial<typeof LICENCE> = {}): SiteFile => ({
  ...siteFile(),
  licence: { ...LICENCE, ...over },
});
const granted = {
  id: "acme-1",
  customer: "ACME",
  tier: "enterprise",
  features: ["gpu", "netbox"],
  limits: { nodes: 5 },
};

/** As much as the lab's site uses. */
const COVERED: Use = { sites: 1, nodes: 5, gpus: 0, features: ["high-availability", "multi-node"] };

async function graph(site: SiteFile, vendorKeys?: typeof KEYS, secret?: SiteArgs["secret"]) {
  const { resources } = await recordGraph(
    () => new Site("site", { site, ...(vendorKeys !== undefined && { vendorKeys }), ...(secret && { secret }) }),
    {
      resource: (type) =>
        type === "plinth:licensing:Licence"
          ? {
              verdict: "valid",
              covered: COVERED,
              granted: { ...granted, notAfter: "2027-01-01T00:00:00Z", graceDays: 14 },
            }
          : type === "talos:machine/secrets:Secrets"
            ? { machineSecrets: { certs: { k8s: { cert: "ca" } } }, clientConfiguration: { caCertificate: "ca" } }
            : {},
      call: () => ({}),
    },
  );
  return resources;
}

test("the use of a site is counted from its plan", () => {
  const site = siteFile();
  site.pools = { nodes: { backend: "netbox", prefix: "127.77.0.0/24" } };
  site.machines["worker-1"].gpus = 4;
  site.machines["worker-2"].gpus = 2;
  expect(countUse(planSite(parseSite(site)))).toEqual({
    sites: 1,
    nodes: 5,
    gpus: 6,
    features: ["multi-node", "high-availability", "netbox", "gpu"],
  });
  for (const key of ["cp-2", "cp-3", "worker-1", "worker-2"]) delete site.machines[key];
  delete site.network.vip;
  delete site.pools;
  expect(countUse(planSite(parseSite(site)))).toEqual({ sites: 1, nodes: 1, gpus: 0, features: [] });
});

test("services that plinth installs and machines that it rents are features", () => {
  const site = siteFile();
  site.platform = { metallb: { pools: { web: { range: "127.77.0.200-127.77.0.210" } } } };
  const plan = planSite(parseSite(site));
  expect(countUse(plan).features).toContain("platform-services");
  const rented: SitePlan = { ...plan, provider: "latitude" as SitePlan["provider"] };
  expect(countUse(plan).features).not.toContain("rented-machines");
  expect(countUse(rented).features).toContain("rented-machines");
});

test("machines that were adopted ran before, and so did what stands on them", async () => {
  const site = licensed();
  expect(countAdopted(planSite(parseSite(site)))).toBeUndefined();
  for (const key of ["cp-1", "cp-2", "cp-3", "worker-1"]) Object.assign(site.machines[key] ?? {}, { adopted: true });
  const plan = planSite(parseSite(site));
  expect(countAdopted(plan)).toEqual({ ...countUse(plan), nodes: 4 });
  const bundle = pulumi.output(
    JSON.stringify({
      machineSecrets: { certs: { os: { key: "os-key" }, k8s: { cert: "ca-of-old" } }, cluster: { id: "old" } },
      clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: "key" },
    }),
  );
  const judged = (await graph(site, KEYS, (name) => (name === "bundle" ? bundle : undefined))).find(
    ({ type }) => type === "plinth:licensing:Licence",
  );
  expect(judged?.inputs).toMatchObject({ use: { nodes: 5 }, adopted: { sites: 1, nodes: 4 } });
});

test("the licence is judged before the first thing is made, and outlives a destroy", async () => {
  const resources = await graph(licensed());
  const licence = resources.find(({ type }) => type === "plinth:licensing:Licence");
  expect(licence).toMatchObject({
    name: "site-licence",
    protect: true,
    dependsOn: [],
    inputs: {
      text: expect.objectContaining({ value: "a licence" }),
      keys: KEYS,
      use: { nodes: 5, features: ["multi-node", "high-availability"] },
    },
  });
  const first = resources.filter(({ type }) => /Secrets$|ConfigurationApply$|ClusterRelease$|Bootstrap$/.test(type));
  expect(first).toHaveLength(8);
  for (const { name, dependsOn } of first)
    expect([name, dependsOn]).toEqual([name, expect.arrayContaining(["site-licence"])]);
});

test("an update whose licence is about a smaller site is told what to name as well", () => {
  const urn = "urn:pulumi:home::plinth::plinth:licensing:Licence::site-licence";
  expect(notAsked(urn, COVERED, COVERED)).toBeUndefined();
  expect(notAsked(urn, COVERED, { ...COVERED, nodes: 2, features: [] })).toBeUndefined();
  expect(notAsked(urn, COVERED, { ...COVERED, nodes: 6, features: [...COVERED.features, "gpu"] })).toEqual({
    path: "licence",
    reason: "nodes: 5 → 6, gpu: new; this update does not ask the licence, as it is not among its targets",
    fix: `update the whole site, or name the licence as well: --target '${urn}'`,
  });
  expect(notAsked(urn, undefined, COVERED)?.reason).toMatch(/^sites: 0 → 1/);
  // Written down by a plinth that did not count services yet.
  const served: Use = { ...COVERED, features: [...COVERED.features, "platform-services"] };
  expect(notAsked(urn, COVERED, served)).toBeUndefined();
  expect(notAsked(urn, COVERED, served, ["platform-services"])?.reason).toMatch(/^platform-services: new;/);
});

test("claims of addresses wait for it, too", async () => {
  const site = licensed();
  site.pools = { nodes: { range: "127.77.0.100-127.77.0.120" } };
  const pool = (await graph(site)).find(({ name }) => name === "site-pool-nodes");
  expect(pool?.dependsOn).toEqual(["site-licence"]);
});

test("the cluster is told what is granted, and gets the signed text", async () => {
  const resources = await graph(licensed({ revocations: "a list" }));
  const named = (name: string) => resources.find((each) => each.name === name);
  expect(named("site-entitlement-entitlement")).toMatchObject({
    parent: "site-entitlement",
    inputs: {
      metadata: { name: "entitlement" },
      data: {
        ...{ verdict: "valid", id: "acme-1", customer: "ACME", tier: "enterprise", features: "gpu netbox" },
        ...{ limits: '{"nodes":5}', notAfter: "2027-01-01T00:00:00Z", graceDays: "14" },
      },
    },
  });
  const secret = named("site-entitlement-licence");
  expect(JSON.stringify(secret?.inputs.stringData)).toContain("a licence");
  expect(JSON.stringify(secret?.inputs.stringData)).toContain("a list");
  expect(secret?.dependsOn).toContain("site-release");
});

test("nobody is asked for a licence who has none", async () => {
  const resources = await graph(siteFile());
  expect(resources.filter(({ type }) => type.startsWith("plinth:licensing"))).toEqual([]);
});

test("a vendor's product asks for one by its own keys, whatever the site file says", async () => {
  const keys = [{ x: "A".repeat(43) }];
  const inputs = async (site: SiteFile) =>
    (await graph(site, keys)).find(({ type }) => type === "plinth:licensing:Licence")?.inputs;
  expect(await inputs(licensed())).toMatchObject({ text: { value: "a licence" }, keys });
  expect(await inputs(siteFile())).toMatchObject({ text: { value: "" }, keys });
});

test("a torn licence is no mistake of the site file, a key that is none is", () => {
  expect(checkSite(licensed({ text: "torn" })).problems).toEqual([]);
  expect(checkSite(licensed({ keys: [] })).problems.map(({ path }) => path)).toEqual(["licence.keys"]);
  const [problem] = checkSite(licensed({ keys: [{ x: "x" }] })).problems;
  expect(problem?.path).toBe("licence.keys[0].x");
});

test("plinth plan prints what a licence would count", () => {
  const written = jest.spyOn(process.stdout, "write").mockReturnValue(true);
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-plan-"));
  try {
    const file = path.join(folder, "Pulumi.x.yaml");
    writeFileSync(file, stringify({ config: { "plinth:site": licensed() } }));
    const program = new Command();
    registerPlan(program);
    program.parse(["plan", file], { from: "user" });
    expect(written.mock.calls.join("")).toContain("\nLicence counts 5 machines, multi-node, high-availability\n");
  } finally {
    written.mockRestore();
    rmSync(folder, { recursive: true });
  }
});

const IMAGE = `registry.example.org/plinth@sha256:${"a".repeat(64)}`;

test("a check inside the cluster may list nodes and write its finding, and nothing else", async () => {
  const resources = await graph(licensed({ check: { image: IMAGE, push: "http://pushgateway:9091/metrics/job/x" } }));
  const inputs = (name: string) => resources.find((each) => each.name === `site-licence-check-${name}`)?.inputs;
  const [roles, job] = [resources.filter(({ type }) => /:(Cluster)?Role$/.test(type)), inputs("job")];
  expect(roles.flatMap(({ inputs: { rules } }) => rules)).toEqual([
    { apiGroups: [""], resources: ["nodes"], verbs: ["list"] },
    { apiGroups: [""], resources: ["configmaps"], resourceNames: ["licence-status"], verbs: ["get", "patch"] },
    { apiGroups: [""], resources: ["configmaps", "events"], verbs: ["create"] },
    { apiGroups: [""], resources: ["events"], verbs: ["patch"] },
  ]);
  const pod = {
    securityContext: { runAsNonRoot: true },
    containers: [
      {
        image: IMAGE,
        args: ["licence", "check", "--folder", "/licence", "--push", "http://pushgateway:9091/metrics/job/x"],
        securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
      },
    ],
  };
  expect(job).toMatchObject({
    spec: { schedule: "17 5 * * *", concurrencyPolicy: "Forbid", jobTemplate: { spec: { template: { spec: pod } } } },
  });
});

test("an image without a digest and a schedule that is none are refused", () => {
  const check = { image: "registry.example.org/plinth:latest", schedule: "daily", push: "gopher://x" };
  expect(checkSite(licensed({ check })).problems.map(({ path }) => path)).toEqual([
    "licence.check.image",
    "licence.check.schedule",
    "licence.check.push",
  ]);
});

test("machines are recognised by the disks and UUIDs that the site file names", () => {
  const file = siteFile("appliance");
  const [key = ""] = Object.keys(file.machines);
  const uuid = "4c4c4544-0042-4a10-8056-b4c04f4d3132";
  expect(declaredDevices(planSite(parseSite(file))).uuids).toEqual([]);
  file.machines[key].boot = { uuid };
  const { nodes } = planSite(parseSite(file));
  const { disk } = file.machines[key];
  expect(declaredDevices({ nodes } as ReturnType<typeof planSite>)).toEqual({ uuids: [uuid], wwids: [disk.wwid] });
});

test("the appliance is one machine, covered by its licence, and reaches nothing outside of its room", () => {
  const plan = planSite(parseSite(siteFile("appliance")));
  const { text = "", keys = [] } = plan.licence ?? {};
  const judged = (devices = declaredDevices(plan)) =>
    verifyLicence(text, { keys: keyRing(keys), now: new Date("2026-12-01T00:00:00Z"), use: countUse(plan), devices });
  expect(judged()).toMatchObject({ state: "valid", licence: { tier: "appliance" } });
  expect(judged({ uuids: [], wwids: ["eui.another"] }).state).toBe("wrong-device");
  expect(plan.nodes).toHaveLength(1);
  expect(plan.kubernetes.scheduleOnControlPlanes).toBe(true);
  expect([plan.network.gateway, plan.network.nameservers]).toEqual([undefined, []]);
  expect(unreachedRegistries(plan)).toEqual([]);
  const more = siteFile("appliance");
  more.machines.second = {
    ...siteFile("appliance").machines.appliance,
    role: "worker",
    mac: "3c:ec:ef:00:77:02",
    address: "192.168.77.11",
    disk: { wwid: "eui.2" },
  };
  const use = countUse(planSite(parseSite(more)));
  expect(
    verifyLicence(text, {
      keys: keyRing(keys),
      now: new Date("2026-12-01T00:00:00Z"),
      use,
      devices: declaredDevices(plan),
    }),
  ).toMatchObject({
    state: "over-limit",
    excess: ["2 nodes, 1 more than the 1 of the licence", expect.stringContaining("multi-node")],
  });
});
