import * as pulumi from "@pulumi/pulumi";
import { mermaidPhases } from "../../components/kubernetes/draw";
import { dependenciesOf } from "../../components/kubernetes/phase";
import { PROVIDERS, type ProviderName } from "../../components/machine/contract";
import { TRAITS } from "../../components/machine/providers";
import { formatProblem } from "../../components/problem";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite, type SitePlan } from "../../components/site/plan";
import { Site } from "../../components/site/Site";
import type { SiteFile } from "../../components/site/spec";
import { platformNeeds, sitePhases, siteSteps } from "../../components/site/steps";
import { Way } from "../../components/site/way";
import { vendor } from "../licensing/support";
import { answered, PRIVATE, siteAt } from "../machine/sites";
import { type Registered, recordGraph } from "../support/graph";

/** A site with everything that can stand in the way: a licence, claimed addresses, a profile, a platform. */
function fullSite(provider: ProviderName): SiteFile {
  return siteAt(provider, (site) => {
    site.licence = { text: "a licence\n", keys: [{ x: vendor.x }] };
    const own = provider === "lab" ? "127.77.0" : "10.0.3";
    site.pools = { nodes: { range: `${own}.100-${own}.120` } };
    site.machines["worker-1"].address = { pool: "nodes" };
    if (!TRAITS[provider].ordered) site.machines["worker-2"].hardware = "generic-amd64";
    site.kubernetes.cni = "none";
    site.platform = { cilium: {} };
  });
}

const secret = (name: string) => (name === "rescue-key" ? pulumi.secret(PRIVATE) : undefined);

async function graph(site: SiteFile): Promise<readonly Registered[]> {
  const { resources } = await recordGraph(() => new Site("site", { site, secret }), {
    resource: (type, name, inputs) =>
      type === "plinth:licensing:Licence"
        ? {
            verdict: "valid",
            covered: inputs.use,
            granted: { limits: {}, features: [], notAfter: "2027-01-01T00:00:00Z", graceDays: 14 },
          }
        : type === "plinth:address:Pool"
          ? { addresses: { "worker-1": String(inputs.range).split("-")[0] } }
          : answered(type, name, inputs),
    call: (token, inputs) =>
      token === "talos:machine/getConfiguration:getConfiguration"
        ? { machineConfiguration: `configuration of ${inputs.machineType}` }
        : { talosConfig: "t" },
  });
  return resources;
}

interface Carrier {
  readonly step: string;
  readonly resource: Registered;
  readonly machine: string | undefined;
}

/** What carries each step, taken from the graph by type, and whose machine it is. */
function carriers(plan: SitePlan, resources: readonly Registered[]) {
  const found = siteSteps(plan).flatMap(({ name: step, types, each }) =>
    resources
      .filter(({ type }) => types.includes(type))
      .flatMap((resource): readonly Carrier[] => {
        const own = plan.nodes.find(({ key }) => new RegExp(`-${key}(-|$)`).test(resource.name));
        if (step === "addresses") {
          const claiming = plan.nodes.filter(({ address }) => "claim" in address);
          return claiming.map(({ key }) => ({ step, resource, machine: key }));
        }
        if (each === "site" || own === undefined) return [{ step, resource, machine: undefined }];
        return each === "machine" || own.type === each ? [{ step, resource, machine: own.key }] : [];
      }),
  );
  const way = new Way<Registered>(siteSteps(plan));
  for (const { step, resource, machine } of found) way.add(step, [resource], machine);
  return { found, way };
}

/** Whether one resource waits for another, be it by way of others. */
function waitsFor(resources: readonly Registered[]) {
  const byName = new Map(resources.map((each) => [each.name, each]));
  return (from: Registered, to: Registered): boolean => {
    const seen = new Set<string>();
    const visit = (name: string): boolean => {
      if (name === to.name) return true;
      if (seen.has(name)) return false;
      seen.add(name);
      return (byName.get(name)?.dependsOn ?? []).some(visit);
    };
    return visit(from.name);
  };
}

/** Own machines, some of which wait in a rescue system. */
function rescuedSite(): SiteFile {
  const site = fullSite("metal");
  for (const key of ["cp-1", "worker-1"]) Object.assign(site.machines[key] ?? {}, { rescue: {} });
  return site;
}

const SITES: readonly (readonly [string, ProviderName, SiteFile])[] = [
  ...PROVIDERS.map((provider) => [provider, provider, fullSite(provider)] as const),
  ["metal, from a rescue system", "metal", rescuedSite()],
];

describe.each(SITES)("the way of a site at %s", (_, provider, site) => {
  let plan: SitePlan;
  let resources: readonly Registered[];
  beforeAll(async () => {
    expect(checkSite(site).problems.map(formatProblem)).toEqual([]);
    plan = planSite(parseSite(site));
    resources = await graph(site);
  });

  test("is the order of the engine's graph, edge by edge", () => {
    const { found, way } = carriers(plan, resources);
    const waits = waitsFor(resources);
    const edges = found.flatMap(({ step, resource, machine }) =>
      way.before(step, machine).map((before) => ({ step, resource, before })),
    );
    for (const { step, resource, before } of edges) {
      expect([step, resource.name, before.name, waits(resource, before)]).toEqual([
        step,
        resource.name,
        before.name,
        true,
      ]);
    }
    // Every step that something carries is in the graph, and every need of it is an edge there.
    const carried = new Set(found.map(({ step }) => step));
    expect([...carried].sort()).toEqual(
      siteSteps(plan)
        .filter(({ types }) => types.length > 0)
        .map(({ name }) => name)
        .sort(),
    );
    expect(edges.length).toBeGreaterThan(TRAITS[provider].ordered ? 40 : 15);
  });

  test("leads to the platform: its first gate waits for the cluster", () => {
    const { way } = carriers(plan, resources);
    const waits = waitsFor(resources);
    const gates = resources.filter(({ type }) => type === "plinth:kubernetes:Gate");
    expect(gates.length).toBeGreaterThan(0);
    for (const gate of gates) {
      for (const before of way.holding([platformNeeds(plan), "kubeconfig"])) {
        expect([gate.name, before.name, waits(gate, before)]).toEqual([gate.name, before.name, true]);
      }
    }
  });

  test("has no step without a gate, and none that needs what comes later", () => {
    const phases = sitePhases(plan);
    const phaseOf = (name: string) => phases.findIndex(({ services }) => services.includes(name));
    const steps = siteSteps(plan);
    for (const step of steps) {
      expect([step.name, step.gate.length > 0]).toEqual([step.name, true]);
      for (const before of dependenciesOf(step, steps)) {
        expect([step.name, before, phaseOf(before) < phaseOf(step.name)]).toEqual([step.name, before, true]);
      }
    }
    expect(phaseOf("cilium")).toBeGreaterThan(phaseOf("access"));
  });
});

test("a rented site goes from credentials to access in the order that costs nothing in vain", () => {
  const phases = sitePhases(planSite(parseSite(fullSite("latitude"))));
  expect(phases.map(({ services }) => services.join(" "))).toEqual([
    "credentials image",
    "licence",
    "addresses identity plan",
    "order",
    "ready",
    "endpoint network",
    "talos",
    "control-planes workers",
    "bootstrap",
    "access",
    "cilium release",
  ]);
  const picture = mermaidPhases(phases);
  for (const words of ['s_order["order"]', "site-network", 's_cilium["cilium"]']) expect(picture).toContain(words);
});

test("one's own machines take the same way with fewer steps", () => {
  const site = siteAt("metal");
  const phases = sitePhases(planSite(parseSite(site)));
  expect(phases.map(({ services }) => services.join(" "))).toEqual([
    "identity talos",
    "control-planes workers",
    "bootstrap",
    "access",
    "release",
  ]);
});

test("a step that nothing carries stands for what it needs itself", () => {
  const common = { gate: "seen", types: [], each: "site" } as const;
  const way = new Way<string>([
    { ...common, name: "a", needs: [], provides: ["A"] },
    { ...common, name: "b", needs: ["A"], provides: ["B"] },
    { ...common, name: "c", needs: ["B"], provides: ["C"], each: "machine" },
    { ...common, name: "d", needs: ["C"], provides: [] },
  ]);
  way.add("a", ["1"]);
  expect(way.before("c", "x")).toEqual(["1"]);
  way.add("c", ["2"], "x");
  way.add("c", ["3"], "y");
  expect([way.before("d", "x"), way.before("d", "y"), way.before("d")]).toEqual([["2"], ["3"], ["2", "3"]]);
  expect(() => way.before("e")).toThrow(/no step of this site is called e/);
});
