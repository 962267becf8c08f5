import fc from "fast-check";
import { parse } from "yaml";
import { contractFor, documentsOf, introducedIn, TWINS, twinProblems } from "../../components/talos/config/documents";
import { nodeDocuments, nodePatches } from "../../components/talos/config/render";
import { type ConfigDocument, parseDocuments, renderDocument } from "../../components/talos/config/yaml";
import { CONTRACTS } from "../../components/talos/releases";
import { compareMinors, minorOf } from "../../components/talos/version";
import { nodeModel } from "./support/arbitrary";
import { findTalosctl, Workbench } from "./support/talosctl";
import { PAIRS } from "./support/twins";

const kinded = (kind: string, fields: ConfigDocument): ConfigDocument => ({ apiVersion: "v1alpha1", kind, ...fields });
const nested = (path: string, value: unknown): ConfigDocument =>
  path.split(".").reduceRight<ConfigDocument>((inner, key, index, keys) => {
    return { [key]: index === keys.length - 1 ? value : inner };
  }, {});

describe("a document as text", () => {
  const awkward = [
    "off",
    "y",
    "NO",
    "0644",
    "0x1f",
    "0b11",
    "1_000",
    "1e3",
    "12:30:45",
    "2001-12-14",
    "~",
    "null",
    "<<",
    "=",
  ];
  const more = [
    "",
    " padded ",
    "a: b",
    "# no comment",
    "'",
    '"',
    "two\nlines\n",
    "\ttab",
    "- item",
    "{}",
    "é\u2028",
    "*a",
    "!!b",
    "%",
  ];
  // The reader here takes `.` for a number, which needs a digit.
  const text = fc.string().filter((any) => !/^[-+._]*$/.test(any));
  const scalar = fc.oneof(fc.constantFrom(...awkward, ...more), text, fc.integer(), fc.boolean());
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie("any"), { maxLength: 3 }), tie("map")),
    map: fc.dictionary(fc.oneof(fc.constantFrom(...awkward), text), tie("any"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  })).map as fc.Arbitrary<ConfigDocument>;

  test.each(["yaml-1.1", "core"] as const)("says the same to readers of %s", (schema) => {
    fc.assert(
      fc.property(value, (document) => {
        expect(parse(renderDocument(document), { schema })).toEqual(document);
      }),
    );
  });

  test("has its keys sorted, and no line is folded", () => {
    const long = "word ".repeat(100).trim();
    expect(renderDocument({ b: { d: 1, c: [long] }, a: "off" })).toBe(`a: "off"\nb:\n  c:\n    - ${long}\n  d: 1\n`);
  });
});

describe("documents", () => {
  test("grow with every contract and never shrink", () => {
    const counts = CONTRACTS.map((contract) => documentsOf(contract).length);
    expect(counts).toEqual([17, 36, 44, 89]);
    for (const [index, contract] of CONTRACTS.slice(1).entries()) {
      expect(documentsOf(contract)).toEqual(expect.arrayContaining([...documentsOf(CONTRACTS[index] ?? "v1.11")]));
    }
  });

  test("know where they come from", () => {
    expect([introducedIn("HostnameConfig"), contractFor("HostnameConfig")]).toEqual(["1.12", "v1.12"]);
    expect([introducedIn("VolumeConfig"), contractFor("VolumeConfig")]).toEqual(["1.8", "v1.11"]);
    expect([introducedIn("Nonsense"), contractFor("Nonsense")]).toEqual([undefined, undefined]);
  });
});

describe("the 30 documents that exclude their older form", () => {
  test("are all there, each a document of some contract, each with a case here", () => {
    expect(Object.keys(TWINS)).toHaveLength(30);
    for (const kind of Object.keys(TWINS)) expect(contractFor(kind)).toBeDefined();
    const cases = PAIRS.map(({ kind, field }) => `${kind} ${field}`).sort();
    expect(cases).toEqual(
      Object.entries(TWINS)
        .flatMap(([kind, twins]) => twins.map(({ field }) => `${kind} ${field}`))
        .sort(),
    );
  });

  test.each(PAIRS)("$kind beside $field", ({ kind, document, field, value }) => {
    const pair = [nested(field, value), kinded(kind, document)];
    expect(twinProblems(pair)).toContainEqual(
      expect.objectContaining({ path: kind, reason: expect.stringContaining(field) }),
    );
    expect(twinProblems(pair.slice(0, 1))).toEqual([]);
    expect(twinProblems(pair.slice(1))).toEqual([]);
  });

  test("a volume without encryption, a resolver without host DNS and an empty field exclude nothing", () => {
    const encrypted = nested("machine.systemDiskEncryption.state", { provider: "luks2" });
    expect(twinProblems([encrypted, kinded("VolumeConfig", { name: "STATE" })])).toEqual([]);
    expect(
      twinProblems([encrypted, kinded("VolumeConfig", { name: "EPHEMERAL", encryption: { provider: "luks2" } })]),
    ).toEqual([]);
    expect(twinProblems([nested("machine.features.hostDNS", { enabled: true }), kinded("ResolverConfig", {})])).toEqual(
      [],
    );
    expect(twinProblems([nested("machine.network.nameservers", []), kinded("ResolverConfig", {})])).toEqual([]);
    expect(twinProblems([nested("machine.time.disabled", false), kinded("TimeSyncConfig", {})])).toEqual([]);
  });
});

describe("any node under any contract", () => {
  const written = fc
    .constantFrom(...CONTRACTS)
    .chain((contract) => nodeModel(contract).map((model) => ({ contract, model })));

  test("is written with documents of that contract only, never beside their older form, and reads back as it was", () => {
    fc.assert(
      fc.property(written, ({ contract, model }) => {
        const documents = nodeDocuments(model, contract);
        expect(twinProblems(documents)).toEqual([]);
        for (const { kind } of documents) if (kind !== undefined) expect(documentsOf(contract)).toContain(kind);
        expect(nodePatches(model, contract).flatMap((text) => parseDocuments(text))).toEqual(documents);
        expect(documents.filter(({ kind }) => kind === undefined).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });

  test("is written the same whatever the order of its maps", () => {
    fc.assert(
      fc.property(written, ({ contract, model }) => {
        const turned = Object.fromEntries(Object.entries(model).reverse()) as unknown as typeof model;
        expect(nodePatches(turned, contract)).toEqual(nodePatches(model, contract));
      }),
    );
  });
});

describe("talosctl agrees", () => {
  const talosctl = findTalosctl();
  let bench: Workbench | undefined;
  beforeAll(() => {
    if (talosctl !== undefined) bench = new Workbench(talosctl);
  });
  afterAll(() => bench?.close());

  for (const { kind, document, field, value, unnoticed, ...pair } of PAIRS) {
    const contract = pair.contract ?? contractFor(kind) ?? "v1.14";
    const usable = talosctl !== undefined && compareMinors(minorOf(talosctl.version), contract.slice(1)) >= 0;
    if (!usable) {
      test.skip(`${kind} beside ${field} is refused (needs a talosctl of ${contract} or later)`, () => {});
      continue;
    }
    if (unnoticed) continue;
    test(`${kind} beside ${field} is refused`, () => {
      const open = bench;
      if (open === undefined) throw new Error("no workbench");
      const patches = [nested(field, value), kinded(kind, document)].map(renderDocument);
      const configuration = open.patched("controlplane", "v1.11", patches);
      expect(() => open.validate(configuration)).toThrow(/already|incompatible|both|can't be used|cannot use|conflict/);
    });
  }

  const any = talosctl === undefined ? test.skip : test;
  any(
    "that any node can be patched onto a generated base, and that the result is valid",
    () => {
      const newest = talosctl === undefined ? "1.11" : minorOf(talosctl.version);
      const usable = CONTRACTS.filter((contract) => compareMinors(contract.slice(1), newest) <= 0);
      const sample = fc.sample(
        fc.constantFrom(...usable).chain((contract) => nodeModel(contract).map((model) => ({ contract, model }))),
        { numRuns: 25, seed: 7 },
      );
      for (const { contract, model } of sample) {
        const configuration = bench?.patched(model.type, contract, nodePatches(model, contract)) ?? "";
        expect(twinProblems(parseDocuments(configuration))).toEqual([]);
        bench?.validate(configuration);
      }
    },
    60_000,
  );
});
