import type { LicenceInputs } from "../../components/licensing/Licence";
import type { Use } from "../../components/licensing/use";
import { licence as licenceResource } from "../../provider/licensing/Licence";
import type { State } from "../../provider/resource";
import { licence, revocations, vendor } from "../licensing/support";
import { conformance } from "./conformance";
import { type Heard, listen } from "./context";
import { Recorder } from "./faults";

const GOOD = "2026-11-20T00:00:00Z";
const GONE = "2027-06-01T00:00:00Z";
const KEYS = [{ x: vendor.x }];
const USE: Use = { sites: 1, nodes: 3, gpus: 0, features: ["high-availability", "multi-node"] };

class World {
  readonly recorder = new Recorder(() => new Error("no clock"));
  time = GOOD;
  readonly clock = this.recorder.wrap({ now: async (_signal: AbortSignal) => new Date(this.time) }, new Set());
  readonly resource = licenceResource(this.clock);
  snapshot = () => ({});
}

type Outputs = Awaited<ReturnType<World["resource"]["create"]>>["outputs"];

let text: string;
let short: string;
beforeAll(async () => {
  text = await licence();
  short = await licence({ notAfter: "2026-11-30T00:00:00Z", graceDays: 0, issued: "2026-11-01T00:00:00Z" });
});

describe("the contract", () => {
  // Signing is asynchronous, and the suite wants its inputs at once: these were signed for a day far away.
  const inputs: LicenceInputs = { text: "no licence", keys: KEYS, use: { sites: 0, nodes: 0, gpus: 0, features: [] } };
  conformance("Licence", {
    make: () => new World(),
    inputs,
    changed: { ...inputs, text: "another that is none" },
    bad: {
      inputs: { ...inputs, keys: [{ x: "_".repeat(43) }], use: { ...inputs.use, nodes: -1 } },
      paths: ["keys[0].x", "use.nodes"],
    },
    secrets: [],
    privileged: [],
  });
});

/** A site under a licence: every edit goes through check, diff and update, as the engine does it. */
class Site {
  readonly world = new World();
  readonly heard: Heard = listen();
  state: State<LicenceInputs, Outputs> | undefined;

  async set(over: Partial<LicenceInputs> = {}): Promise<readonly string[]> {
    const { resource } = this.world;
    const { context } = this.heard;
    const inputs: LicenceInputs = { ...(this.state?.inputs ?? { text, keys: KEYS, use: USE }), ...over };
    const { state } = this;
    // The engine hands an empty object to the check of what is new.
    const problems = await resource.check(inputs, context, () => (state?.inputs ?? {}) as LicenceInputs);
    if (problems.length > 0) throw new Error(problems.map(({ reason }) => reason).join());
    if (state === undefined) {
      this.state = { inputs, outputs: (await resource.create(inputs, context)).outputs };
      return [];
    }
    const changes = await resource.diff(state, inputs, context);
    if (changes.length > 0)
      this.state = { inputs, outputs: (await resource.update("licence", state, inputs, context)).outputs };
    return changes.map(({ path }) => path);
  }
}

const grown = (over: Partial<Use>): Partial<LicenceInputs> => ({ use: { ...USE, ...over } });

async function expired(): Promise<Site> {
  const site = new Site();
  await site.set({ text: short });
  site.world.time = GONE;
  return site;
}

test("the verdict is told at preview, also when nothing changes", async () => {
  const site = new Site();
  await site.set();
  expect(await site.set()).toEqual([]);
  expect(site.heard.lines).toEqual([
    'the licence acme-1 of "ACME" is good for 42 days',
    'the licence acme-1 of "ACME" is good for 42 days',
  ]);
  expect(site.state?.outputs).toMatchObject({
    verdict: "valid",
    granted: { customer: "ACME", tier: "enterprise", limits: { nodes: 5 } },
    covered: USE,
  });
});

test("a new site needs a licence that stands good", async () => {
  const site = new Site();
  site.world.time = GONE;
  await expect(site.set()).rejects.toThrow(/nodes: 0 → 3, .*; the licence acme-1 ended at 2027-01-01/);
  await expect(new Site().set({ text: "" })).rejects.toThrow(/sites: 0 → 1, .*it is empty/);
});

test("a running site whose state was lost is taken over with any verdict, and does not grow by that", async () => {
  const adopted: Use = { ...USE, features: [...USE.features, "platform-services"] };
  for (const [bad, reason] of [
    [text, /ended at/],
    ["", /it is empty/],
  ] as const) {
    const site = new Site();
    site.world.time = GONE;
    await expect(site.set({ text: bad, adopted, use: { ...adopted, nodes: 4 } })).rejects.toThrow(/nodes: 3 → 4; /);
    await site.set({ text: bad, adopted, use: adopted });
    expect(site.state?.outputs.covered).toEqual(adopted);
    await site.set({ use: { ...adopted, nodes: 2 } });
    await site.set({ use: adopted });
    await expect(site.set({ use: { ...adopted, nodes: 4 } })).rejects.toThrow(reason);
    // Called adopted later, a machine more is one more.
    await expect(site.set({ adopted: { ...adopted, nodes: 4 }, use: { ...adopted, nodes: 4 } })).rejects.toThrow(
      /nodes: 3 → 4; /,
    );
  }
});

describe("with an expired licence", () => {
  test("the preview says so, and goes on", async () => {
    const site = await expired();
    expect(await site.set()).toEqual(["verdict", "mark"]);
    expect(site.heard.lines.at(-1)).toBe(
      "expired: the licence acme-1 ended at 2026-11-30T00:00:00Z (ask the vendor to renew it; what runs goes on). Until then the site may not grow; all else goes on",
    );
    expect(await site.set()).toEqual([]);
  });

  test.each([
    ["a machine more", { nodes: 4 }, /nodes: 3 → 4/],
    ["a GPU", { gpus: 1, features: [...USE.features, "gpu" as const] }, /gpus: 0 → 1, gpu: new/],
    ["a new feature", { features: [...USE.features, "netbox" as const] }, /netbox: new/],
  ])("%s is refused, and nothing is written", async (_, over, reason) => {
    const site = await expired();
    const before = site.state;
    await expect(site.set(grown(over))).rejects.toThrow(reason);
    expect(site.state).toBe(before);
    // Also where nobody looked at a diff before.
    if (before === undefined) throw new Error("the site is there");
    const inputs = { ...before.inputs, ...grown(over) };
    await expect(site.world.resource.update("licence", before, inputs, listen().context)).rejects.toThrow(reason);
    await expect(site.world.resource.preview(inputs, before, listen().context)).rejects.toThrow(reason);
  });

  test("what adds nothing goes on: a fix, a rollback, a restore, an export", async () => {
    const site = await expired();
    await expect(site.set(grown({}))).resolves.toBeDefined();
  });

  test("fewer machines, and a machine in the place of one that was taken away before", async () => {
    const site = await expired();
    await site.set(grown({ nodes: 2 }));
    await site.set(grown({ nodes: 1, features: [] }));
    await expect(site.set(grown({ nodes: 3 }))).resolves.toContain("use.nodes");
    await expect(site.set(grown({ nodes: 4 }))).rejects.toThrow(/nodes: 3 → 4/);
  });

  test("a destroy, and the site comes back", async () => {
    const site = await expired();
    const { state } = site;
    if (state === undefined) throw new Error("the site is there");
    await expect(site.world.resource.delete("licence", state, listen().context)).resolves.toBeUndefined();
    // The record is protected: what comes back is a change of it.
    await expect(site.set()).resolves.toBeDefined();
  });

  test("a renewal lets it grow again", async () => {
    const site = await expired();
    const renewed = await licence({ sequence: 4, issued: "2027-05-31T00:00:00Z", notAfter: "2028-01-01T00:00:00Z" });
    await site.set({ text: renewed, ...grown({ nodes: 5 }) });
    expect(site.state?.outputs).toMatchObject({ verdict: "valid", covered: { nodes: 5 } });
  });
});

test("whatever becomes of the licence, what was covered goes on", async () => {
  for (const bad of ["", "torn", text.slice(0, -9), await licence({ sequence: 2 }), await licence({ tier: "moon" })]) {
    const site = new Site();
    await site.set();
    await site.set({ text: bad });
    expect(site.state?.outputs.verdict).not.toBe("valid");
    await expect(site.set(grown({ nodes: 2 }))).resolves.toBeDefined();
    await expect(site.set(grown({ nodes: 4 }))).rejects.toThrow(/nodes: 3 → 4/);
  }
});

test("a revocation stops growth, and taking the list away does not help", async () => {
  const site = new Site();
  await site.set();
  const list = await revocations([{ id: "acme-1", sequence: 3, reason: "charged back" }]);
  await site.set({ revocations: list });
  expect(site.state?.outputs.verdict).toBe("revoked");
  const { revocations: _, ...without } = site.state?.inputs ?? { text, keys: KEYS, use: USE };
  if (site.state === undefined) throw new Error("the site is there");
  await expect(
    site.world.resource.update("licence", site.state, { ...without, ...grown({ nodes: 4 }) }, listen().context),
  ).rejects.toThrow(/by the revocation list 1 before, and now by none/);
});

test("a clock that is turned back brings nothing back", async () => {
  const site = await expired();
  await site.set();
  site.world.time = "2026-11-15T00:00:00Z";
  await expect(site.set(grown({ nodes: 4 }))).rejects.toThrow(/nodes: 3 → 4; the licence acme-1 ended/);
});

test("the clock's mark is written once a week, and no update is shown in between", async () => {
  const site = new Site();
  await site.set();
  site.world.time = "2026-11-26T00:00:00Z";
  expect(await site.set()).toEqual([]);
  site.world.time = "2026-11-28T00:00:00Z";
  expect(await site.set()).toEqual(["mark"]);
  expect(site.state?.outputs.mark?.time).toBe("2026-11-28T00:00:00Z");
  expect(await site.set()).toEqual([]);
});

test("a refresh says how it stands, and changes nothing until there is news", async () => {
  const site = new Site();
  await site.set();
  const { state } = site;
  if (state === undefined) throw new Error("the site is there");
  site.world.time = "2026-11-21T00:00:00Z";
  expect(await site.world.resource.read("licence", state, site.heard.context)).toEqual(state);
  site.world.time = GONE;
  const seen = await site.world.resource.read("licence", state, site.heard.context);
  expect(seen?.outputs).toMatchObject({ verdict: "expired", covered: USE });
});

test("what a later plinth stored is understood as far as it goes", () => {
  const stored = {
    verdict: "flying",
    covered: { ...USE, features: [...USE.features, "teleport"] },
    mark: { id: "acme-1", sequence: 3, issued: GOOD, time: GOOD, revocations: 0 },
  };
  expect(new World().resource.outputs.parse({ ...stored, counted: ["gpu", "teleport"] })).toEqual({
    ...stored,
    verdict: "none",
    covered: USE,
    counted: ["gpu"],
  });
});

test("a feature that a later plinth counts is no growth of a site that had it, and is from then on", async () => {
  const site = await expired();
  if (site.state === undefined) throw new Error("the site is there");
  // As plinth wrote it down before it counted services and rented machines, and before it said what it counts.
  const { counted: _, ...older } = site.state.outputs;
  site.state = { ...site.state, outputs: site.world.resource.outputs.parse(older) };
  const features = [...USE.features, "platform-services" as const];
  expect(await site.set(grown({ features }))).toEqual(expect.arrayContaining(["verdict", "counted"]));
  expect(site.state.outputs.covered.features).toEqual(["high-availability", "multi-node", "platform-services"]);
  expect(await site.set()).toEqual([]);
  await expect(site.set(grown({ features: [...features, "rented-machines"] }))).rejects.toThrow(
    /rented-machines: new; the licence acme-1 ended/,
  );
  await expect(site.set(grown({ features: [...features, "gpu"] }))).rejects.toThrow(/gpu: new; the licence/);
});

test("that a later plinth counts more is written down at once, also when the site has none of it", async () => {
  const site = new Site();
  await site.set();
  if (site.state === undefined) throw new Error("the site is there");
  const { counted: _, ...older } = site.state.outputs;
  site.state = { ...site.state, outputs: site.world.resource.outputs.parse(older) };
  expect(await site.set()).toEqual(["counted"]);
  site.world.time = GONE;
  const features = [...USE.features, "platform-services" as const];
  await expect(site.set(grown({ features }))).rejects.toThrow(/platform-services: new/);
});

test("more than a smaller licence covers stays, and does not grow", async () => {
  const site = new Site();
  await site.set(grown({ nodes: 5 }));
  await site.set({ text: await licence({ sequence: 4, issued: "2026-11-19T00:00:00Z", limits: { nodes: 4 } }) });
  expect(site.state?.outputs.verdict).toBe("over-limit");
  await expect(site.set(grown({ nodes: 6 }))).rejects.toThrow(/nodes: 5 → 6; .*6 nodes, 2 more than the 4/);
  await site.set(grown({ nodes: 4 }));
  expect(site.state?.outputs).toMatchObject({ verdict: "valid", covered: { nodes: 4 } });
});
