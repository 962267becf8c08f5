import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest } from "@pulumi/pulumi/proto/engine_pb";
import { direct } from "../../lab/engine/direct";
import { openStack } from "../../lab/engine/engine";
import { Instance } from "../../lab/instance/instance";
import { Engine } from "../../provider/host/engine";

/** Nothing listens on the discard port: whoever asks this proxy gets no answer. */
const DEAD = { http_proxy: "http://127.0.0.1:9", https_proxy: "http://127.0.0.1:9" };
const NAMES = ["http_proxy", "https_proxy", "grpc_proxy", "NO_PROXY", "no_proxy", "no_grpc_proxy", "PLINTH_CACHE"];

const scratch = mkdtempSync(join(tmpdir(), "plinth-direct-"));
const before = { ...process.env };
const heard: string[] = [];
const { log } = EngineService;
const server = new grpc.Server();
let address = "";

beforeAll(async () => {
  server.addService(
    { log },
    {
      log(call: grpc.ServerUnaryCall<LogRequest, unknown>, answer: grpc.sendUnaryData<unknown>) {
        heard.push(call.request.getMessage());
        answer(null, log.responseDeserialize(Buffer.alloc(0)));
      },
    },
  );
  const bound = new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
  address = `127.0.0.1:${await bound}`;
});
beforeEach(() => {
  for (const name of NAMES) delete process.env[name];
  Object.assign(process.env, DEAD, { NO_PROXY: "corp.example", no_grpc_proxy: "rpc.example", PLINTH_CACHE: scratch });
});
afterEach(() => {
  for (const name of NAMES) delete process.env[name];
  Object.assign(process.env, before);
});
afterAll(() => {
  server.forceShutdown();
  rmSync(scratch, { recursive: true, force: true });
});

test("a host that a user calls directly stays one, and this machine is always", () => {
  expect(direct({})).toBe("127.0.0.0/8,127.0.0.1,localhost");
  expect(direct({ NO_PROXY: "a.example, localhost", no_proxy: "b.example,a.example" })).toBe(
    "a.example,localhost,b.example,127.0.0.0/8,127.0.0.1",
  );
});

test("with a proxy in the shell the provider's messages reach the engine", async () => {
  const engine = new Engine(address);
  engine.log("urn", (text) => text).info("past the proxy");
  await engine.flushed();
  engine.close();
  expect(heard).toContain("past the proxy");
});

test("with a proxy in the shell an opened stack's program reaches the engine", async () => {
  const instance = new Instance("direct");
  mkdirSync(instance.project, { recursive: true });
  writeFileSync(instance.at("passphrase"), "x");
  // Stands for an engine that answers every question of the Automation API with its version.
  const path = join(scratch, "pulumi");
  writeFileSync(path, "#!/bin/sh\necho v3.250.0\n");
  chmodSync(path, 0o755);
  const tool = { path, version: "x", origin: "built" as const };
  await openStack(instance, { pulumi: tool, talosctl: tool, etcdutl: tool });
  // As the SDK's monitor does: no word about proxies.
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const request = new LogRequest();
  request.setMessage("from the program");
  await new Promise<void>((resolve, reject) =>
    client.makeUnaryRequest(
      log.path,
      log.requestSerialize,
      log.responseDeserialize,
      request,
      { deadline: Date.now() + 20_000 },
      (error) => (error === null ? resolve() : reject(error)),
    ),
  );
  client.close();
  expect(heard).toContain("from the program");
  expect(process.env.no_proxy).toContain("corp.example");
});
