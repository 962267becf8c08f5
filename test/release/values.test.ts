import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { unknownValues } from "../../components/kubernetes/values";
import { knownValues } from "../../components/release/values";
import { chartPin, versions } from "../../components/release/versions";
import { gatedObjects, ownObjects } from "../support/gated";
import type { Inventory } from "../support/inventory";
import { everyService, servicesOf } from "../support/services";
import { ROOT } from "../support/site";

interface Recorded extends Inventory {
  readonly version: string;
}

/** What a chart makes of the standard profile's values. */
function recorded(name: string): Recorded | undefined {
  const file = path.join(ROOT, "test/recorded/charts", `${name}.yaml`);
  return existsSync(file) ? parse(readFileSync(file, "utf8")) : undefined;
}

/** Every chart that some part of the platform installs. */
function installed() {
  return everyService().flatMap(({ name, chart }) => (chart === undefined ? [] : [[name, chart] as const]));
}

describe("the values of a chart", () => {
  test.each(installed())("%s sets only keys that its chart knows, in the version that is pinned", (_, chart) => {
    const known = knownValues(chart.name);
    expect(known?.version).toBe(chartPin(chart.name).version);
    expect(unknownValues(chart.values, known?.keys ?? {}, "")).toEqual([]);
  });

  test("a misspelt key is told with what the chart knows there", () => {
    const keys = knownValues("cilium")?.keys ?? {};
    const [problem] = unknownValues({ cgroup: { autoMont: { enabled: false } } }, keys, "platform.cilium.values");
    expect(problem).toEqual({
      path: "platform.cilium.values.cgroup.autoMont",
      reason: "is no value of the chart",
      fix: "it knows here autoMount, hostRoot",
    });
  });

  test("what a chart leaves open may hold anything", () => {
    const keys = knownValues("cilium")?.keys ?? {};
    expect(unknownValues({ nodeSelector: { anything: "goes" }, podAnnotations: { "a.b/c": "d" } }, keys, "")).toEqual(
      [],
    );
  });
});

describe("what is recorded", () => {
  test.each(Object.keys(versions().charts))(
    "of %s: its keys and its objects, in the version that is pinned",
    (name) => {
      const { version } = chartPin(name);
      expect(knownValues(name)?.version).toBe(version);
      expect(recorded(name)?.version).toBe(version);
      expect(recorded(name)?.objects.length).toBeGreaterThan(3);
    },
  );

  test("every chart that is pinned is one that some part installs", () => {
    const names = new Set(installed().map(([, { name }]) => name));
    expect(Object.keys(versions().charts).filter((name) => !names.has(name))).toEqual([]);
  });

  const gated = servicesOf("standard").flatMap((service) =>
    service.chart === undefined
      ? []
      : gatedObjects(service).map(([what, object]) => ({ part: service.name, what, object, service })),
  );
  test.each(gated)("$part: $what, of an object that its chart makes, or plinth itself", ({ object, service }) => {
    const made = recorded(service.chart?.name ?? "")?.objects ?? [];
    expect([...made, ...ownObjects(service)]).toContain(object);
  });
});
