import { once } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb";
import { Engine } from "../../provider/host/engine";

test("messages arrive in the order they were said, however long the engine takes for one", async () => {
  const heard: string[] = [];
  const server = new grpc.Server();
  const { log } = EngineService;
  server.addService(
    { log },
    {
      log(call: grpc.ServerUnaryCall<LogRequest, unknown>, answer: grpc.sendUnaryData<unknown>) {
        const message = call.request.getMessage();
        const take = (): void => {
          heard.push(message);
          answer(null, log.responseDeserialize(Buffer.alloc(0)));
        };
        if (message === "one") setTimeout(take, 100);
        else take();
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const engine = new Engine(`127.0.0.1:${port}`);
  const { info, progress } = engine.log("urn", (text) => text);
  for (const message of ["one", "two", "three"]) info(message);
  progress("four");
  await engine.flushed();
  expect(heard).toEqual(["one", "two", "three", "four"]);
  engine.close();
  server.forceShutdown();
});

test("an engine that is gone holds nobody up", async () => {
  const server = new grpc.Server();
  const port = await new Promise<number>((resolve) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
  );
  server.forceShutdown();
  const engine = new Engine(`127.0.0.1:${port}`);
  const { info } = engine.log("urn", (text) => text);
  for (let count = 0; count < 50; count++) info("nobody hears this");
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 30_000);
  await Promise.race([engine.flushed(), once(late.signal, "abort")]);
  clearTimeout(timer);
  expect(late.signal.aborted).toBe(false);
  engine.close();
}, 40_000);
