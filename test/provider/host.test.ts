/** The host's pure parts: values, schemas, diffs, redaction. */
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import fc from "fast-check";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { z } from "zod";
import { unknown } from "../../provider/draft";
import { changesBetween, diffResponse } from "../../provider/host/diff";
import { schemaProblems } from "../../provider/host/parse";
import { redactor } from "../../provider/host/redact";
import { decode, encode } from "../../provider/host/values";
import { propertyPath } from "../../provider/resource";

const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

describe("values", () => {
  test("arrive unwrapped, with what was secret about them, at any depth", () => {
    const wire = Struct.fromJavaScript({
      plain: "x",
      key: { ...SECRET, value: "k1" },
      tree: { list: [{ ...SECRET, value: { inner: "k2", n: 1 } }] },
      later: UNKNOWN,
      nothing: null,
    });
    const decoded = decode(wire);
    expect(decoded.value).toEqual({ plain: "x", key: "k1", tree: { list: [{ inner: "k2", n: 1 }] }, later: unknown });
    expect([...decoded.secretKeys]).toEqual(["key", "tree"]);
    expect(decoded.secretTexts).toEqual(["k1", "k2"]);
  });

  test("leave wrapped whole, unknown ones as the engine's word for it", () => {
    const wire = encode(
      { key: { a: "k" }, plain: [1, unknown], gone: undefined, later: unknown },
      new Set(["key", "later"]),
    );
    expect(wire.toJavaScript()).toEqual({
      key: { ...SECRET, value: { a: "k" } },
      plain: [1, UNKNOWN],
      later: UNKNOWN,
    });
  });

  test("survive the way there and back", () => {
    const leaf = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean());
    const tree = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: "small" }, leaf, fc.array(tie("value")), fc.dictionary(key, tie("value"))),
    })).value;
    fc.assert(
      fc.property(fc.dictionary(key, tree), fc.array(key), (value, secrets) => {
        const decoded = decode(encode(value, new Set(secrets)));
        expect(plain(decoded.value)).toEqual(plain(value));
        expect([...decoded.secretKeys].sort()).toEqual([...new Set(secrets)].filter((name) => name in value).sort());
      }),
    );
  });

  test("assets and resource references are refused, not stored as something else", () => {
    const asset = Struct.fromJavaScript({
      a: { "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17" },
    });
    expect(() => decode(asset)).toThrow(/not accepted/);
  });
});

/** Without prototypes and the sign of zero, which no state file keeps. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const key = fc
  .string({ minLength: 1 })
  .filter((name) => !["__proto__", "toString", "valueOf", "constructor"].includes(name));

describe("schemaProblems", () => {
  const schema = z.strictObject({ nodes: z.record(z.string(), z.strictObject({ talos: z.string(), n: z.number() })) });

  test("names each path in the engine's syntax", () => {
    expect(schemaProblems(schema, { nodes: { "cp-1": { talos: 1, n: 1, x: 2 } }, y: 1 })).toEqual([
      { path: 'nodes["cp-1"].talos', reason: expect.any(String), fix: "give a value of type string" },
      { path: 'nodes["cp-1"].x', reason: "is not a known property", fix: expect.any(String) },
      { path: "y", reason: "is not a known property", fix: expect.any(String) },
    ]);
  });

  test("does not blame what is not known yet, but still finds the rest", () => {
    expect(schemaProblems(schema, { nodes: unknown })).toEqual([]);
    const problems = schemaProblems(schema, { nodes: { a: { talos: unknown, n: "x" }, b: unknown } });
    expect(problems.map(({ path }) => path)).toEqual(["nodes.a.n"]);
  });
});

describe("diff", () => {
  test("names the leaves that differ", () => {
    const before = { a: 1, list: [1, 2], tree: { "x-y": { z: 1 }, same: [{}] } };
    const after = { list: [1, 3], tree: { "x-y": { z: unknown }, same: [{}] }, b: 1 };
    expect(changesBetween(before, after)).toEqual([
      { path: "a", kind: "delete" },
      { path: "list[1]", kind: "update" },
      { path: 'tree["x-y"].z', kind: "update" },
      { path: "b", kind: "add" },
    ]);
  });

  test("a value does not differ from itself", () => {
    fc.assert(fc.property(fc.json(), (text) => changesBetween(JSON.parse(text), JSON.parse(text)).length === 0));
  });

  test("a replacement is marked at its path and at its top key", () => {
    const response = diffResponse(
      [
        { path: "nodes.a", kind: "update", replace: "because" },
        { path: "phase", kind: "update", output: true },
      ],
      true,
    );
    expect(response.getReplacesList()).toEqual(["nodes"]);
    expect(response.getDiffsList()).toEqual(["nodes", "phase"]);
    expect(response.getDeletebeforereplace()).toBe(true);
    expect(response.getDetaileddiffMap().get("nodes.a")?.getKind()).toBe(pb.PropertyDiff.Kind.UPDATE_REPLACE);
    expect(response.getDetaileddiffMap().get("phase")?.getInputdiff()).toBe(false);
  });

  test("nothing changed means none", () => {
    expect(diffResponse([], false).getChanges()).toBe(pb.DiffResponse.DiffChanges.DIFF_NONE);
  });
});

test("propertyPath quotes what is no identifier", () => {
  expect(propertyPath("nodes", "cp-1", "patches", 0, "a.b")).toBe('nodes["cp-1"].patches[0]["a.b"]');
});

describe("redactor", () => {
  const pem = `-----BEGIN ED25519 PRIVATE KEY-----\nMC4CAQ\n-----END ED25519 PRIVATE KEY-----`;

  test("hides the secrets of the call, the longest first", () => {
    expect(redactor(["pass", "password1"])("x password1 y pass z")).toBe("x [secret] y [secret] z");
  });

  test("hides key material of a large secret wherever a piece of it shows up, but not its ordinary words", () => {
    const configuration = `machine:\n  ca:\n    key: c2VjcmV0LW9mLXRoZS1jbHVzdGVyLWtleQ\n  kubelet: {}\n${"#".repeat(200)}`;
    const text = redactor([configuration])("kubelet of machine: bad key c2VjcmV0LW9mLXRoZS1jbHVzdGVyLWtleQ");
    expect(text).toBe("kubelet of machine: bad key [secret]");
  });

  test.each([
    ["a PEM key", pem],
    ["a PEM key in base64", Buffer.from(pem).toString("base64")],
    ["a PEM key that was cut off", pem.slice(0, 45)],
    ["a bootstrap token", "abcdef.0123456789abcdef"],
  ])("hides %s even if nobody said that it is secret", (_, secret) => {
    expect(redactor([])(`got ${secret}`)).toBe("got [secret]");
  });

  test("leaves versions, addresses and digests readable", () => {
    const text = "v1.36.3 at 10.0.3.11:6443, sha256:0f0e0d0c0b0a";
    expect(redactor([])(text)).toBe(text);
  });
});
