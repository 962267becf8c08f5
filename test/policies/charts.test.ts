import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { ChartSpec, Profile } from "../../components/kubernetes/service";
import { type ChartPin, chartPin, versions } from "../../components/release/versions";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { ensureCharts, type LabCharts } from "../../lab/charts/charts";
import { Instance } from "../../lab/instance/instance";
import { Ticker } from "../../lab/ticker";
import { checkEvidence } from "../../policies/check";
import { RuleBook, type Verdict } from "../../policies/judge";
import { renderCharts } from "../../policies/read/charts";
import { stored } from "../../policies/read/stored";
import type { RenderedChart } from "../../policies/rule";
import { rules } from "../../policies/rules";
import { PACK_RULE, packSettings, today } from "../../policies/settings";
import { PROFILES, servicesOf } from "../support/services";
import { ROOT, siteFile } from "../support/site";
import { helmRelease } from "./objects";

/**
 * The rules on what the official helm renders of real charts with plinth's values. Those of the lab are tried here; with
 * PLINTH_CHARTS_DIR also the user's archives, and RECORD_FINDINGS=1 writes what is found.
 */
jest.setTimeout(600_000);

const users = process.env.PLINTH_CHARTS_DIR;
const RECORD = path.join(ROOT, "test/recorded/charts/findings.yaml");
const ticker = new Ticker({ isTTY: false, write: () => true } as unknown as NodeJS.WriteStream);
const instance = new Instance("test-chart-rules");
const cache = mkdtempSync(path.join(tmpdir(), "plinth-chart-rules-"));
const before = process.env.PLINTH_HELM;
let lab: LabCharts;

beforeAll(async () => {
  mkdirSync(instance.folder, { recursive: true });
  const plan = planSite(parseSite(siteFile("lab-platform"), "the lab"));
  const made = await ensureCharts(instance, plan, ticker, undefined, undefined);
  if (made === undefined) throw new Error("the site has a platform");
  lab = made;
  process.env.PLINTH_HELM = made.helm.path;
});

afterAll(() => {
  if (before === undefined) delete process.env.PLINTH_HELM;
  else process.env.PLINTH_HELM = before;
  ticker.close();
  rmSync(instance.folder, { recursive: true, force: true });
  rmSync(cache, { recursive: true, force: true });
});

/** The chart as a release of plinth's own renders it; undefined where nobody has its archive. */
async function rendered(chart: ChartSpec): Promise<RenderedChart | undefined> {
  const { name, namespace, values } = chart;
  const { version } = chartPin(name);
  const release = stored(helmRelease({ name, chart: name, version, namespace, values }));
  const digests = JSON.parse(readFileSync(lab.digests, "utf8"));
  for (const archives of [...(users === undefined ? [] : [users]), lab.folder]) {
    const places = { archives, cache, digests };
    const [found] = await renderCharts([release], places, new AbortController().signal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What the rules say of a chart, one object a line; not that an archive was packed from its sources. */
function findings(chart: RenderedChart, profile: Profile): readonly string[] {
  const config = { [PACK_RULE]: { properties: { profile } } };
  const book = new RuleBook(rules, packSettings(config, rules, today()));
  const { verdicts, undecided } = checkEvidence(book, { charts: [chart] });
  expect(undecided).toEqual([]);
  return [...new Set(verdicts.filter(({ rule }) => rule.name !== "chart-as-pinned").map(line))].sort();
}

function line({ level, rule, urn, finding }: Verdict): string {
  const [type = "", name] = (urn?.split("$").at(-1) ?? "").split("::");
  const object = urn === undefined ? finding.reason : `${type.split(":").at(-1)} ${name}`;
  return `${level} ${rule.name}: ${object}`;
}

type Recorded = { readonly version: string; readonly source: string } & Partial<Record<Profile, readonly string[]>>;

const recorded: Readonly<Record<string, Recorded>> = parse(readFileSync(RECORD, "utf8"));
const standIn = (name: string) =>
  users === undefined && lab.origins.some((origin) => origin.name === name && origin.from === "stand-in");
const charts = (profile: Profile) => servicesOf(profile).flatMap(({ chart }) => chart ?? []);

function sourceOf({ module, repository }: ChartPin): string {
  return module === undefined ? repository : `${module.path} ${module.version} ${module.folder}`;
}

if (process.env.RECORD_FINDINGS === "1") {
  test("what is found is recorded", async () => {
    const all: Record<string, Recorded> = { ...recorded };
    for (const profile of PROFILES) {
      for (const chart of charts(profile)) {
        const found = standIn(chart.name) ? undefined : await rendered(chart);
        if (found === undefined) continue;
        const { version, ...pin } = chartPin(chart.name);
        const known = all[chart.name]?.version === version ? all[chart.name] : {};
        const source = sourceOf({ version, ...pin });
        all[chart.name] = { ...known, version, source, [profile]: findings(found, profile) };
      }
    }
    const head =
      "# What the policy pack says of the objects that each chart renders with the values of each profile: level, rule, object.\n# Recorded from the chart's own sources; a new version is recorded anew.\n";
    writeFileSync(RECORD, head + stringify(all, { lineWidth: 0, sortMapEntries: true }));
  });
}

describe.each(PROFILES)("with the values of %s", (profile) => {
  it.each(charts(profile).map((chart) => [chart.name, chart] as const))(
    "%s is recorded in the version that is pinned, and renders what is recorded",
    async (name, chart) => {
      expect(recorded[name]).toMatchObject({ version: chartPin(name).version, source: sourceOf(chartPin(name)) });
      const found = await rendered(chart);
      if (found === undefined) return;
      expect(found.objects.length).toBeGreaterThan(3);
      expect(found.pin?.version).toBe(found.version);
      if (!standIn(name)) expect(findings(found, profile)).toEqual(recorded[name]?.[profile]);
    },
  );
});

it("really renders those of the lab", async () => {
  const names = lab.origins.map(({ name }) => name).filter((name) => name in versions().charts);
  expect(names).toEqual(expect.arrayContaining(["cilium", "metallb", "ingress-nginx"]));
  const made = await Promise.all(
    charts("standard")
      .filter(({ name }) => names.includes(name))
      .map(rendered),
  );
  expect(made.every((chart) => chart !== undefined && chart.objects.length > 3)).toBe(true);
});

it("plinth's own values stop at no rule of their profile, but for what production asks of objects that a chart leaves to its user", () => {
  for (const [name, { minimal, standard, production }] of Object.entries(recorded)) {
    const stops = [minimal, standard, production].map((lines) =>
      (lines ?? []).filter((one) => one.startsWith("mandatory ")).map((one) => one.split(/[ :]/)[1]),
    );
    expect([name, stops[0], stops[1]]).toEqual([name, [], []]);
    const known = ["image-digest-pinned", "requests-set", "namespace-has-a-security-level", "no-almighty-role"];
    expect([name, stops[2]?.filter((rule) => !known.includes(rule ?? ""))]).toEqual([name, []]);
  }
});
