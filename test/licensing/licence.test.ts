import { createHook } from "node:async_hooks";
import { createHmac } from "node:crypto";
import dgram from "node:dgram";
import dns from "node:dns";
import { connect, createServer, Server, Socket } from "node:net";
import fc from "fast-check";
import { calculateJwkThumbprint, compactVerify } from "jose";
import { canonicalJson } from "../../components/licensing/canonical";
import { keyId, keyRing } from "../../components/licensing/keys";
import { sign } from "../../components/licensing/signed";
import { growth, NOTHING, type Use } from "../../components/licensing/use";
import { type Circumstances, LICENCE, type Mark, REVOCATIONS, verifyLicence } from "../../components/licensing/verdict";
import { claims, licence, pair, revocations, ring, vendor } from "./support";

// Thousands of verifications, and this computer may be busy.
jest.setTimeout(120_000);

const at = (time: string, over: Partial<Circumstances> = {}): Circumstances => ({
  keys: ring,
  now: new Date(time),
  ...over,
});
const SPRING = "2026-04-01T00:00:00Z";
const base64 = (text: string) => Buffer.from(text).toString("base64url");

/** Signs exactly this text, as only a vendor's own mistake could. */
async function raw(payload: string, head?: Record<string, unknown>): Promise<string> {
  const { sign: node } = await import("node:crypto");
  const input = `${base64(canonicalJson(head ?? { alg: "EdDSA", kid: keyId(vendor.x), typ: LICENCE }))}.${base64(payload)}`;
  return `${input}.${node(null, Buffer.from(input), vendor.key).toString("base64url")}`;
}

test("a licence is good between its dates, in grace after them, and then ended", async () => {
  const text = await licence();
  const seen = async (time: string) => {
    const { state, daysLeft, entitled } = verifyLicence(text, at(time));
    return [state, daysLeft, entitled];
  };
  expect(await seen("2026-12-31T12:00:00Z")).toEqual(["valid", 1, true]);
  expect(await seen("2027-01-01T00:00:00Z")).toEqual(["grace", 14, true]);
  expect(await seen("2027-01-14T23:59:59Z")).toEqual(["grace", 1, true]);
  expect(await seen("2027-01-15T00:00:00Z")).toEqual(["expired", undefined, false]);
});

test("the reasons can be acted on", async () => {
  const told = async (time: string, over: Partial<Circumstances> = {}) => {
    const { reason, fix } = verifyLicence(await licence({ graceDays: 1 }), at(time, over));
    return `${reason} (${fix})`;
  };
  expect(await told("2026-12-01T00:00:00Z")).toBe('the licence acme-1 of "ACME" is good for 31 days ()');
  expect(await told("2027-01-01T01:00:00Z")).toBe(
    "the licence acme-1 ended at 2027-01-01T00:00:00Z; 1 day of grace left (ask the vendor to renew it)",
  );
  expect(await told("2028-01-01T00:00:00Z")).toBe(
    "the licence acme-1 ended at 2027-01-01T00:00:00Z, its 1 days of grace too (ask the vendor to renew it; what runs goes on)",
  );
});

test("what is signed here is a JWS that jose alone verifies too", async () => {
  const verified = await compactVerify(await licence(), vendor.key, { algorithms: ["EdDSA"] });
  expect(JSON.parse(Buffer.from(verified.payload).toString())).toEqual(claims());
  expect(verified.protectedHeader.kid).toBe(await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x: vendor.x }));
});

test("a licence begins when it says so", async () => {
  const text = await licence({ notBefore: "2026-06-01T00:00:00Z" });
  expect(verifyLicence(text, at(SPRING))).toMatchObject({ state: "not-yet-valid", entitled: false });
});

test("every single altered bit of a licence is refused", async () => {
  const text = await licence();
  expect(verifyLicence(text, at(SPRING)).state).toBe("valid");
  everyBit(text, (altered) => verifyLicence(altered, at(SPRING)).licence);
});

test("every single altered bit of a revocation list is refused", async () => {
  const text = await licence();
  const list = await revocations([{ id: "other-1", sequence: 1, reason: "never paid" }]);
  expect(verifyLicence(text, at(SPRING, { revocations: list })).state).toBe("valid");
  everyBit(list, (altered) => {
    const { state, reason } = verifyLicence(text, at(SPRING, { revocations: altered }));
    if (!reason.startsWith("the revocation list is not accepted")) return state;
    return undefined;
  });
});

/** Runs through all texts that differ in one bit; `accepted` must give nothing for any. */
function everyBit(text: string, accepted: (altered: string) => unknown): void {
  const taken: string[] = [];
  for (let bit = 0; bit < text.length * 8; bit++) {
    const bytes = Buffer.from(text);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    for (const altered of new Set([bytes.toString("utf8"), bytes.toString("latin1")]))
      if (accepted(altered) !== undefined) taken.push(`bit ${bit}`);
  }
  expect(taken).toEqual([]);
}

test("a revoked licence is refused with the reason, and its later renewal is not", async () => {
  const list = await revocations([{ id: "acme-1", sequence: 3, reason: "charged back" }]);
  const seen = async (sequence: number) =>
    verifyLicence(await licence({ sequence }), at(SPRING, { revocations: list }));
  expect(await seen(3)).toMatchObject({ state: "revoked", reason: "the licence acme-1 is revoked: charged back" });
  expect(await seen(2)).toMatchObject({ state: "revoked" });
  expect(await seen(4)).toMatchObject({ state: "valid" });
});

test("an earlier revocation list, or none, is refused after a later one", async () => {
  const text = await licence();
  const later = await revocations([], 7);
  const { mark } = verifyLicence(text, at(SPRING, { revocations: later }));
  expect(mark?.revocations).toBe(7);
  const again = async (list?: string) =>
    verifyLicence(text, at(SPRING, { ...(list && { revocations: list }), ...(mark && { mark }) })).state;
  expect([await again(await revocations([], 6)), await again(), await again(later)]).toEqual([
    "stale-revocations",
    "stale-revocations",
    "valid",
  ]);
});

test("a licence of another key is told from an altered one", async () => {
  expect(verifyLicence(await licence({}, pair()), at(SPRING))).toMatchObject({ state: "unknown-key" });
  const [head, , signature] = (await licence()).split(".");
  const forged = [head, base64(canonicalJson(claims({ tier: "business-infra" }))), signature].join(".");
  expect(verifyLicence(forged, at(SPRING))).toMatchObject({ state: "altered" });
});

test("old and new keys overlap; what an old key signs after its end is refused", async () => {
  const next = pair();
  const both = keyRing([{ x: vendor.x, until: "2026-03-01T00:00:00Z" }, { x: next.x }]);
  const seen = async (issued: string, by = vendor) =>
    verifyLicence(await licence({ issued }, by), at(SPRING, { keys: both })).state;
  expect(await seen("2026-02-01T00:00:00Z")).toBe("valid");
  expect(await seen("2026-03-02T00:00:00Z")).toBe("unknown-key");
  expect(await seen("2026-03-02T00:00:00Z", next)).toBe("valid");
});

test("a licence for devices holds where one of them is", async () => {
  const text = await licence({ devices: { uuids: ["ABC"], wwids: ["naa.1"] } });
  const seen = async (devices?: Circumstances["devices"]) =>
    verifyLicence(text, at(SPRING, { ...(devices && { devices }) })).state;
  expect(await seen({ uuids: ["abc"], wwids: [] })).toBe("valid");
  expect(await seen({ uuids: [], wwids: ["naa.1", "naa.2"] })).toBe("valid");
  expect(await seen({ uuids: ["abd"], wwids: ["naa.2"] })).toBe("wrong-device");
  expect(await seen()).toBe("wrong-device");
});

const USE: Use = { sites: 1, nodes: 5, gpus: 0, features: ["multi-node"] };

test("use beyond the licence is told by how much, all of it", async () => {
  const text = await licence({ tier: "platform", limits: { nodes: 5 }, features: ["netbox"] });
  const seen = (use: Partial<Use>) => verifyLicence(text, at(SPRING, { use: { ...USE, ...use } }));
  expect((await seen({ features: ["netbox", "high-availability"] })).state).toBe("valid");
  expect(await seen({ nodes: 8, gpus: 2, features: ["gpu"] })).toMatchObject({
    state: "over-limit",
    excess: [
      "8 nodes, 3 more than the 5 of the licence",
      "2 gpus, 2 more than the 0 of the licence",
      "gpu (machines with GPUs), which the licence does not cover",
    ],
  });
});

test("sites are compared as all else, for whoever can count them", async () => {
  const text = await licence({ tier: "platform" });
  expect(verifyLicence(text, at(SPRING, { use: { ...USE, nodes: 1, sites: 2 } }))).toMatchObject({
    state: "over-limit",
    excess: ["2 sites, 1 more than the 1 of the licence"],
  });
});

test("growth is what is added, and nothing else", () => {
  expect(growth(USE, { ...USE, nodes: 6, features: ["multi-node", "netbox"] })).toEqual([
    "nodes: 5 → 6",
    "netbox: new",
  ]);
  expect(growth(USE, { ...USE, nodes: 4, features: [] })).toEqual([]);
  expect(growth(NOTHING, USE)).toEqual(["sites: 0 → 1", "nodes: 0 → 5", "multi-node: new"]);
});

describe("a clock that was turned back", () => {
  const past = "2025-01-01T00:00:00Z";
  const remembered = async (time: string): Promise<Mark> => {
    const { mark } = verifyLicence(await licence(), at(time));
    if (mark === undefined) throw new Error("no mark");
    return mark;
  };

  test("revives no licence that this site saw ending", async () => {
    const mark = await remembered("2027-03-01T00:00:00Z");
    const verdict = verifyLicence(await licence(), at(SPRING, { mark }));
    expect(verdict.state).toBe("expired");
    expect(verdict.warnings).toEqual([
      "the clock of this computer says 2026-04-01T00:00:00Z, but this site was judged at 2027-03-01T00:00:00Z: the later one counts",
    ]);
    expect(verdict.mark?.time).toBe("2027-03-01T00:00:00Z");
  });

  test("is not before the release of this plinth, nor before the licence was issued", async () => {
    const released = new Date("2027-06-01T00:00:00Z");
    expect(verifyLicence(await licence(), at(past, { released })).state).toBe("expired");
    expect(verifyLicence(await licence(), at(past)).state).toBe("valid");
  });

  test("a clock that ran years ahead is healed by a renewal", async () => {
    const mark = await remembered("2040-01-01T00:00:00Z");
    expect(verifyLicence(await licence(), at(SPRING, { mark })).state).toBe("expired");
    const renewed = await licence({ sequence: 4, issued: "2026-03-01T00:00:00Z" });
    const verdict = verifyLicence(renewed, at(SPRING, { mark }));
    expect([verdict.state, verdict.mark]).toEqual([
      "valid",
      { id: "acme-1", sequence: 4, issued: "2026-03-01T00:00:00Z", time: SPRING, revocations: 0 },
    ]);
    expect(verifyLicence(await licence(), at(SPRING, { mark: verdict.mark as Mark })).state).toBe("superseded");
  });

  test("a licence issued by a vendor's clock that ran ahead is healed by the renewal that follows", async () => {
    const ahead = await licence({ issued: "2036-01-01T00:00:00Z", notAfter: "2037-01-01T00:00:00Z" });
    const { state, mark } = verifyLicence(ahead, at(SPRING));
    expect([state, mark?.time]).toEqual(["valid", "2036-01-01T00:00:00Z"]);
    const renewed = await licence({ sequence: 4, issued: SPRING, notAfter: "2030-01-01T00:00:00Z" });
    const next = verifyLicence(renewed, at(SPRING, { mark: mark as Mark }));
    expect([next.state, next.mark]).toEqual([
      "valid",
      { id: "acme-1", sequence: 4, issued: SPRING, time: SPRING, revocations: 0 },
    ]);
    // The one before does not come back by its later date, however often it is put in.
    for (let put = 0, seen = next.mark as Mark; put < 2; put++) {
      const again = verifyLicence(ahead, at(SPRING, { mark: seen }));
      expect([again.state, again.mark?.sequence]).toEqual(["superseded", 4]);
      seen = again.mark as Mark;
    }
  });

  test("a renewal in the same second raises the sequence", async () => {
    const { mark } = verifyLicence(await licence(), at(SPRING));
    const next = verifyLicence(await licence({ sequence: 4 }), at(SPRING, { mark: mark as Mark }));
    expect([next.state, next.mark?.sequence]).toEqual(["valid", 4]);
    expect(verifyLicence(await licence(), at(SPRING, { mark: next.mark as Mark })).state).toBe("superseded");
  });

  test("time as remembered never goes back, whatever clocks say", async () => {
    const text = await licence();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 4e12 }), { maxLength: 8 }), async (clocks) => {
        let mark: Mark | undefined;
        for (const clock of clocks) {
          const next = verifyLicence(text, { keys: ring, now: new Date(clock), ...(mark && { mark }) }).mark;
          expect(Date.parse(next?.time ?? "")).toBeGreaterThanOrEqual(Date.parse(mark?.time ?? "1970-01-01"));
          mark = next;
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("bad input gets a verdict with a reason", () => {
  const head = (over: Record<string, unknown>) =>
    base64(canonicalJson({ alg: "EdDSA", kid: "k", typ: LICENCE, ...over }));
  const none = `${head({ alg: "none" })}.${base64(canonicalJson(claims()))}`;
  const cases: [string, () => string | Promise<string>, string, RegExp][] = [
    ["empty", () => "", "malformed", /it is empty/],
    ["truncated", async () => (await licence()).slice(0, 200), "malformed", /of 3 parts: was it cut off/],
    [
      "a truncated signature",
      async () => (await licence()).slice(0, -10),
      "malformed",
      /its signature has 57 of 64 bytes/,
    ],
    ["huge", () => "A".repeat(50_000_000), "malformed", /50000000 characters, and none has more than 16384/],
    ["algorithm none without a signature", () => `${none}.`, "malformed", /base64url/],
    ["algorithm none with one", () => `${none}.${base64("x".repeat(64))}`, "malformed", /signed with none/],
    [
      "HS256 with the public key as its secret",
      () => {
        const input = `${head({ alg: "HS256" })}.${base64(canonicalJson(claims()))}`;
        return `${input}.${createHmac("sha256", vendor.x).update(input).digest("base64url")}`;
      },
      "malformed",
      /signed with HS256, and only EdDSA/,
    ],
    [
      "a header with a line end in its algorithm",
      () => `${head({ alg: "a\nb" })}.AA.AA`,
      "malformed",
      /something unreadable/,
    ],
    [
      "a header with a key of its own",
      () => `${head({ jwk: { x: vendor.x } })}.AA.AA`,
      "malformed",
      /its header is not/,
    ],
    [
      "a header with a key twice",
      () => `${base64('{"alg":"none","alg":"EdDSA","kid":"k","typ":"t"}')}.AA.AA`,
      "malformed",
      /canonical/,
    ],
    [
      "a key twice",
      () => raw(canonicalJson(claims()).replace('"v":1', '"v":1,"v":1')),
      "malformed",
      /a key stands twice/,
    ],
    ["spaces", () => raw(JSON.stringify(claims(), undefined, 1)), "malformed", /canonical form/],
    ["no JSON", () => raw("{"), "malformed", /not JSON/],
    ["null", () => raw("null"), "malformed", /./],
    ["deeply nested", () => raw("[".repeat(5000) + "]".repeat(5000)), "malformed", /./],
    ["a prototype", () => raw('{"__proto__":{"v":1}}'), "malformed", /./],
    [
      "a revocation list",
      () => revocations([]),
      "malformed",
      /is a plinth-revocations\+jws, not a plinth-licence\+jws/,
    ],
    [
      "a far-future date",
      () => licence({ notAfter: "9999-12-31T23:59:59Z" }),
      "malformed",
      /notAfter: is more than a hundred years away/,
    ],
    [
      "issued after its end",
      () => licence({ issued: "2027-01-01T00:00:01Z" }),
      "malformed",
      /issued: is after notAfter, 2027-01-01T00:00:00Z/,
    ],
    [
      "a date that is none",
      () => licence({ notAfter: "2026-02-30T00:00:00Z" }),
      "malformed",
      /notAfter: is not a moment/,
    ],
    [
      "an end before its begin",
      () => licence({ notAfter: "2025-01-01T00:00:00Z" }),
      "malformed",
      /notAfter: is not after/,
    ],
    ["a negative limit", () => licence({ limits: { nodes: -1 } }), "malformed", /limits.nodes/],
    ["an unknown tier", () => licence({ tier: "gold" }), "unsupported", /tier gold, unknown to this plinth/],
    ["a tier called constructor", () => licence({ tier: "constructor" }), "unsupported", /tier constructor/],
    ["a later form", () => sign({ ...claims(), v: 2 }, LICENCE, vendor), "unsupported", /of form 2/],
  ];

  test.each(cases)("%s", async (_, text, state, reason) => {
    const verdict = verifyLicence(await text(), at(SPRING));
    expect(verdict).toMatchObject({ state, entitled: false, reason: expect.stringMatching(reason) });
    expect(verdict.fix).not.toBe("");
  });

  test("issued in a far future, which would be the time from then on", async () => {
    const far = await licence({ issued: "9990-01-01T00:00:00Z", notAfter: "9999-01-01T00:00:00Z" });
    const verdict = verifyLicence(far, at(SPRING));
    expect(verdict).toMatchObject({ state: "malformed", entitled: false });
    expect(verdict.reason).toMatch(/it was issued at 9990-01-01T00:00:00Z, more than a hundred years from now/);
    expect(verdict.mark).toBeUndefined();
    // A computer whose clock has no battery.
    const released = new Date("2026-01-01T00:00:00Z");
    expect(verifyLicence(await licence(), at("1970-01-01T00:00:00Z", { released })).state).toBe("valid");
  });

  const lists: [string, () => string | Promise<string>, string, RegExp][] = [
    ["empty", () => "", "malformed", /it is empty/],
    ["truncated", async () => (await revocations([])).slice(0, -10), "malformed", /of 64 bytes/],
    ["huge", () => "A".repeat(50_000_000), "malformed", /50000000 characters, and none has more than 4194304/],
    ["of a key that signs nothing here", () => revocations([], 1, pair()), "unknown-key", /not trusted here/],
    ["a key twice", () => list('{"v":1,"v":1}'), "malformed", /a key stands twice/],
    ["a licence", () => licence(), "malformed", /is a plinth-licence\+jws, not a plinth-revocations\+jws/],
    [
      "algorithm none",
      () => `${head({ alg: "none", typ: REVOCATIONS })}.e30.${base64("x".repeat(64))}`,
      "malformed",
      /signed with none/,
    ],
    [
      "a date that is none",
      () => sign({ v: 1, sequence: 1, issued: "soon", revoked: [] }, REVOCATIONS, vendor),
      "malformed",
      /issued: is not a moment/,
    ],
    ["a later form", () => sign({ v: 2 }, REVOCATIONS, vendor), "unsupported", /of form 2/],
  ];
  const list = (payload: string) => raw(payload, { alg: "EdDSA", kid: keyId(vendor.x), typ: REVOCATIONS });

  test.each(lists)("a revocation list: %s", async (_, text, state, reason) => {
    const verdict = verifyLicence(await licence(), at(SPRING, { revocations: await text() }));
    expect(verdict).toMatchObject({ state, entitled: false });
    expect(verdict.reason).toMatch(/^the revocation list is not accepted: /);
    expect(verdict.reason).toMatch(reason);
    expect(verdict.fix).not.toBe("");
  });

  test("any text whatsoever", async () => {
    const whole = await licence();
    const part = fc.constantFrom(...whole.split("."), "", "e30", "bnVsbA", "=", "A");
    const text = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join(".")),
    );
    await fc.assert(
      fc.asyncProperty(text, async (any) => {
        fc.pre(any !== whole);
        expect(verifyLicence(any, at(SPRING)).entitled).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

test("a feature of a later plinth does no harm", async () => {
  expect(verifyLicence(await licence({ features: ["teleport"] }), at(SPRING)).state).toBe("valid");
});

describe("verification", () => {
  /** What `act` asks of the network, also what it does not wait for. */
  async function asked(act: () => unknown): Promise<string[]> {
    const seen: string[] = [];
    const poison = (what: string) => (): never => {
      seen.push(what);
      throw new Error(`no ${what} here`);
    };
    jest.spyOn(globalThis, "fetch").mockImplementation(async () => poison("fetch")());
    jest.spyOn(Socket.prototype, "connect").mockImplementation(poison("connection"));
    jest.spyOn(Server.prototype, "listen").mockImplementation(poison("server"));
    jest.spyOn(dns, "lookup").mockImplementation(poison("name") as never);
    jest.spyOn(dns.promises, "lookup").mockImplementation(poison("name"));
    jest.spyOn(dgram, "createSocket").mockImplementation(poison("datagram"));
    const hook = createHook({
      init: (_, type) => void (/TCP|UDP|PIPE|ADDRINFO|NAMEINFO|QUERY|HTTP|TLS/.test(type) && seen.push(type)),
    }).enable();
    try {
      await act();
      for (let turn = 0; turn < 5; turn++) await new Promise((done) => setTimeout(done, 5));
    } finally {
      hook.disable();
      jest.restoreAllMocks();
    }
    return seen;
  }

  test("opens no socket", async () => {
    const list = await revocations([]);
    const texts = [await licence(), await licence({}, pair()), "x.y.z"];
    expect(
      await asked(() => {
        for (const text of texts) verifyLicence(text, at(SPRING, { revocations: list, use: USE }));
      }),
    ).toEqual([]);
  });

  test.each<[string, () => unknown]>([
    [
      "a request that nobody waits for",
      () =>
        void Promise.resolve()
          .then(() => fetch("http://127.0.0.1:9/"))
          .catch(() => 0),
    ],
    ["a later one", () => void setTimeout(() => fetch("http://127.0.0.1:9/").catch(() => 0), 1)],
    ["a connection", () => void connect(9, "127.0.0.1")],
    ["a server", () => void createServer().listen(0)],
    [
      "a name",
      () =>
        void Promise.resolve()
          .then(() => dns.promises.lookup("example.org"))
          .catch(() => 0),
    ],
    ["a datagram", () => void dgram.createSocket("udp4")],
  ])("and that test would see %s", async (_, act) => {
    const quiet = () => {
      try {
        act();
      } catch {
        // Poisoned.
      }
    };
    expect(await asked(quiet)).not.toEqual([]);
  });

  test("does a thousand a second on one core", async () => {
    const text = await licence();
    const run = () => {
      // Processor time, so that what else this computer does is not measured.
      const before = process.cpuUsage();
      for (let count = 0; count < 1000; count++) verifyLicence(text, at(SPRING, { use: USE }));
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    };
    expect(Math.min(run(), run(), run())).toBeLessThan(1);
  });
});
