import { connect, constants } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import * as pb from "@pulumi/pulumi/proto/analyzer_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import type { Rule } from "../../policies/rule";
import { Analyzer } from "../../policies/serve/analyzer";
import { type Serving, serve } from "../../policies/serve/grpc";
import { readResource, readStack } from "../../policies/serve/resource";

/** The pack's server against the official client: what the engine's says, Node's says too. */
let server: Serving["server"] | undefined;
let client: grpc.Client | undefined;
afterEach(async () => {
  client?.close();
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  client = undefined;
  server = undefined;
});

const LIMIT = 4 << 20;

/** A server of three methods, and what calls them. */
async function started() {
  const made = await serve(
    new Map([
      ["/test/Echo", (message: Uint8Array) => message],
      [
        "/test/Fail",
        () => {
          throw new Error("nodes[0]: 100 % wrong\nörtlich ☃");
        },
      ],
      [
        "/test/Long",
        () => {
          throw new Error("☃".repeat(100_000));
        },
      ],
    ]),
    { limit: LIMIT },
  );
  server = made.server;
  const caller = new grpc.Client(`127.0.0.1:${made.port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  client = caller;
  const call = (path: string, message: Buffer, metadata = new grpc.Metadata()) =>
    new Promise<Buffer>((resolve, reject) => {
      caller.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        message,
        metadata,
        { deadline: Date.now() + 60_000 },
        (error, answer) => (error === null && answer !== undefined ? resolve(answer) : reject(error)),
      );
    });
  return { call, port: made.port };
}

describe("the server", () => {
  it.each([0, 1, 70_000, LIMIT])("takes and gives a message of %d bytes whole", async (length) => {
    const { call } = await started();
    const message = Buffer.alloc(length, "abc");
    expect((await call("/test/Echo", message)).equals(message)).toBe(true);
  });

  it("answers a thousand calls at once, each its own", async () => {
    const { call } = await started();
    const asked = Array.from({ length: 1000 }, (_, index) => String(index));
    const answers = await Promise.all(asked.map((text) => call("/test/Echo", Buffer.from(text))));
    expect(answers.map(String)).toEqual(asked);
  });

  it("passes an error on in its own words, cut where it has no end", async () => {
    const { call } = await started();
    await expect(call("/test/Fail", Buffer.from("x"))).rejects.toMatchObject({
      code: grpc.status.INTERNAL,
      details: "nodes[0]: 100 % wrong\nörtlich ☃",
    });
    const long = await call("/test/Long", Buffer.from("x")).catch((error: grpc.ServiceError) => error.details);
    expect(long).toMatch(/^☃{100,}$/u);
  });

  it("says what it does not serve, and refuses what is too long", async () => {
    const { call } = await started();
    await expect(call("/test/Other", Buffer.alloc(100_000))).rejects.toMatchObject({
      code: grpc.status.UNIMPLEMENTED,
    });
    await expect(call("/test/Echo", Buffer.alloc(LIMIT + 1))).rejects.toMatchObject({
      code: grpc.status.RESOURCE_EXHAUSTED,
    });
    expect(String(await call("/test/Echo", Buffer.from("still here")))).toBe("still here");
  });

  it.each([
    ["nothing", Buffer.alloc(0), grpc.status.INTERNAL],
    ["half a message", Buffer.from([0, 0, 0, 0, 9, 1]), grpc.status.INTERNAL],
    ["a compressed message", Buffer.from([1, 0, 0, 0, 1, 1]), grpc.status.UNIMPLEMENTED],
  ])("refuses %s", async (_, bytes, code) => {
    const { port } = await started();
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/test/Echo",
    });
    const status = new Promise((resolve, reject) => {
      stream.on("response", (headers) => resolve(headers["grpc-status"]));
      stream.on("error", reject);
    });
    stream.end(bytes);
    stream.resume();
    expect(await status).toBe(String(code));
    await new Promise((resolve) => session.close(() => resolve(undefined)));
  });

  it("outlives a client that goes away in the middle of a call", async () => {
    const { call, port } = await started();
    const session = connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/test/Echo",
    });
    stream.on("error", () => {});
    await new Promise((resolve) => stream.write(Buffer.from([0, 0, 0, 0, 9, 1]), resolve));
    session.destroy();
    expect(String(await call("/test/Echo", Buffer.from("still here")))).toBe("still here");
  });
});

const PROPERTIES = {
  text: "örtlich ☃ 😀",
  none: null,
  yes: true,
  no: false,
  zero: 0,
  fraction: -1.5e300,
  empty: "",
  list: [1, "two", [], {}, null, [{ deep: [true] }]],
  object: { a: { b: { c: "d" } }, "": 1 },
};

function request<T extends pb.AnalyzeRequest | pb.AnalyzerResource>(made: T, name: string): T {
  const options = new pb.AnalyzerResourceOptions();
  options.setProtect(true);
  options.setAdditionalsecretoutputsList(["token"]);
  options.setIgnorechangesList(["spec", "data"]);
  const provider = new pb.AnalyzerProviderResource();
  provider.setUrn("urn:pulumi:s::p::pulumi:providers:kubernetes::k");
  made.setUrn(`urn:pulumi:s::p::a:b:C::${name}`);
  made.setType("a:b:C");
  made.setName(name);
  made.setProperties(Struct.fromJavaScript(PROPERTIES));
  made.setOptions(options);
  made.setProvider(provider);
  return made;
}

describe("a resource of a request", () => {
  const told = {
    urn: "urn:pulumi:s::p::a:b:C::one",
    type: "a:b:C",
    name: "one",
    protect: true,
    secretOutputs: ["token"],
    ignoreChanges: ["spec", "data"],
    provider: "urn:pulumi:s::p::pulumi:providers:kubernetes::k",
  };

  it("is read as the generated classes read it", () => {
    const read = readResource(request(new pb.AnalyzeRequest(), "one").serializeBinary());
    expect(read).toMatchObject(told);
    expect(read.properties()).toEqual(PROPERTIES);
  });

  it("is read among all of a stack, with what only a stack's request says", () => {
    const stack = new pb.AnalyzeStackRequest();
    const one = request(new pb.AnalyzerResource(), "one");
    one.setParent("urn:parent");
    one.setDependenciesList(["urn:x", "urn:y"]);
    one.getPropertydependenciesMap().set("text", new pb.AnalyzerPropertyDependencies());
    stack.setResourcesList([one, new pb.AnalyzerResource()]);
    const [first, second] = readStack(stack.serializeBinary());
    expect(first).toMatchObject(told);
    expect(first?.properties()).toEqual(PROPERTIES);
    expect(second).toMatchObject({ urn: "", protect: false, secretOutputs: [], ignoreChanges: [] });
    expect(second).not.toHaveProperty("provider");
    expect(second?.properties()).toEqual({});
  });

  it("may have a field of any name", () => {
    const made = new pb.AnalyzeRequest();
    made.setProperties(Struct.fromJavaScript(JSON.parse('{"__proto__": {"kind": "Secret"}}')));
    const properties = readResource(made.serializeBinary()).properties();
    expect(properties.kind).toBeUndefined();
  });
});

test("a rule's own failure reaches the engine in words", async () => {
  const broken: Rule = {
    name: "broken",
    area: "safety",
    kind: "resource",
    sentence: "It must work.",
    severity: "low",
    levels: { minimal: "advisory", standard: "advisory", production: "advisory" },
    prevents: "Nothing.",
    fix: "Mend it.",
    check() {
      throw new Error("cannot read it");
    },
  };
  const serving = await new Analyzer({ name: "test", version: "1.0.0", description: "" }, [broken]).listen();
  server = serving.server;
  const analyzer = new AnalyzerClient(`127.0.0.1:${serving.port}`, grpc.credentials.createInsecure());
  client = analyzer;
  const info = await new Promise<pb.AnalyzerInfo>((resolve, reject) =>
    analyzer.getAnalyzerInfo(new Empty(), (error, answer) => (answer ? resolve(answer) : reject(error))),
  );
  expect(info.getPoliciesList().map((policy) => policy.getName())).toEqual(["broken"]);
  const failed = new Promise((_, reject) =>
    analyzer.analyze(request(new pb.AnalyzeRequest(), "one"), (error) => reject(error)),
  );
  await expect(failed).rejects.toMatchObject({ details: "plinth's policy pack failed: cannot read it" });
});
