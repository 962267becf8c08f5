import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { twinProblems } from "../../components/talos/config/documents";
import { nodePatches } from "../../components/talos/config/render";
import { parseDocuments } from "../../components/talos/config/yaml";
import { CONTRACTS } from "../../components/talos/releases";
import { compareMinors, minorOf } from "../../components/talos/version";
import { MODELS } from "./support/models";
import { findTalosctl, Workbench } from "./support/talosctl";

const cases = CONTRACTS.flatMap((contract) =>
  Object.entries(MODELS).map(([name, model]) => ({ contract, name, model })),
);

/** The golden file's text; rewritten from the code when PLINTH_UPDATE_GOLDEN is set, and then to be read by a person. */
function golden(contract: string, name: string, actual: string): string {
  const file = join(__dirname, "golden", contract, `${name}.yaml`);
  if (process.env.PLINTH_UPDATE_GOLDEN !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, actual);
  }
  return readFileSync(file, "utf8");
}

describe("node patches", () => {
  test.each(cases)("$contract $name is the golden file", ({ contract, name, model }) => {
    const text = nodePatches(model, contract).join("---\n");
    expect(text).toBe(golden(contract, name, text));
  });
});

describe("talosctl accepts the golden files", () => {
  const talosctl = findTalosctl();
  let bench: Workbench | undefined;
  beforeAll(() => {
    if (talosctl !== undefined) bench = new Workbench(talosctl);
  });
  afterAll(() => bench?.close());

  for (const { contract, name, model } of cases) {
    const usable = talosctl !== undefined && compareMinors(minorOf(talosctl.version), contract.slice(1)) >= 0;
    if (!usable) {
      test.skip(`${contract} ${name} (needs a talosctl of ${contract} or later: set PLINTH_TALOSCTL)`, () => {});
      continue;
    }
    test(`${contract} ${name}`, () => {
      if (bench === undefined) throw new Error("no workbench");
      const patches = golden(contract, name, nodePatches(model, contract).join("---\n"))
        .split(/^---$/m)
        .filter((text) => text.trim() !== "");
      const configuration = bench.patched(model.type, contract, patches);
      bench.validate(configuration);
      const documents = parseDocuments(configuration);
      expect(twinProblems(documents)).toEqual([]);
      expect(JSON.stringify(documents)).toContain(`"${model.hostname}"`);
    });
  }
});
