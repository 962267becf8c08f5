import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { ChartSpec } from "../../components/kubernetes/service";
import { unknownValues } from "../../components/kubernetes/values";
import { knownValues } from "../../components/release/values";
import { chartPin } from "../../components/release/versions";
import { gatedObjects, ownObjects } from "../support/gated";
import { inventoryOf } from "../support/inventory";
import { archives, realKeys, renderReal } from "../support/realcharts";
import { everyService, recordedCharts } from "../support/services";
import { ROOT } from "../support/site";

/**
 * Facts recorded of the charts, compared with the real archives in PLINTH_CHARTS_DIR, from which every part of the
 * platform is rendered in every profile. RECORD_VALUES=1 writes the keys that are found, RECORD_OBJECTS=1 the objects.
 */
jest.setTimeout(300_000);

const { there, missing } = archives();
const keysFile = (name: string) => path.join(ROOT, "components/release/values", `${name}.yaml`);
const objectsFile = (name: string) => path.join(ROOT, "test/recorded/charts", `${name}.yaml`);
const read = (file: string) => (existsSync(file) ? parse(readFileSync(file, "utf8")) : undefined);
const write = (file: string, head: string, content: object) =>
  writeFileSync(file, `# ${head}\n${stringify(content, { lineWidth: 0 })}`);

/** Every part of the platform in every profile, if its chart's archive is there. */
const installed = everyService().flatMap((service) =>
  service.chart === undefined || !there.includes(service.chart.name)
    ? []
    : [[service.name, service, service.chart] as const],
);

if (missing.length > 0) {
  test.skip(`the real charts that are not there: ${[...new Set(missing)].join(", ")}`, () => undefined);
}

(there.length > 0 ? describe : describe.skip)("a real chart", () => {
  test.each(there)("%s has the keys that are recorded", (name) => {
    const { version } = chartPin(name);
    const keys = realKeys(name);
    if (process.env.RECORD_VALUES === "1") {
      const head = `Keys of the values of ${name} ${version}; null where anything may follow. Recorded from the chart.`;
      write(keysFile(name), head, { version, keys });
    }
    expect(knownValues(name)).toEqual({ version, keys });
  });

  test.each(recordedCharts().filter(({ name }) => there.includes(name)))(
    "$name makes the objects that are recorded, of images that versions.yaml names",
    (chart: ChartSpec) => {
      const { version, images } = chartPin(chart.name);
      const inventory = inventoryOf(renderReal(chart));
      if (process.env.RECORD_OBJECTS === "1") {
        const head = `What the chart ${chart.name} ${version} makes of the standard profile's values. Recorded from the real chart.`;
        write(objectsFile(chart.name), head, { version, ...inventory });
      }
      expect({ version, ...inventory }).toEqual(read(objectsFile(chart.name)));
      // Docker Hub is what is meant where a chart names no registry.
      const plain = (image: string) => image.replace(/@.*$/, "").replace(/^(?![^/]+\.[^/]+\/)/, "docker.io/");
      expect(inventory.images.map(plain).filter((image) => !images.map(plain).includes(image))).toEqual([]);
    },
  );

  test.each(installed)(
    "renders %s with no error and no unknown value, and makes what its gates look at",
    (...[, service, chart]) => {
      expect(unknownValues(chart.values, realKeys(chart.name), "")).toEqual([]);
      const made = [...inventoryOf(renderReal(chart)).objects, ...ownObjects(service)];
      expect(made).toEqual(expect.arrayContaining(gatedObjects(service).map(([, object]) => object)));
    },
  );
});
