/** The provider as the engine sees it: one gRPC service on loopback. */
import { setMaxListeners } from "node:events";
import * as grpc from "@grpc/grpc-js";
import type { PluginAttach } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import type * as pb from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { version } from "../../package.json";
import { auditFile, fileAudit } from "../audit";
import type { AnyFunction, Functions } from "../function";
import type { AnyResource, Context } from "../resource";
import type { Resources } from "../resources";
import * as calls from "./calls";
import type { ProviderConfig } from "./config";
import { Engine, silent } from "./engine";
import { plainFailure } from "./failure";
import { type Life, Stopped } from "./life";
import * as provider from "./provider";
import { redactor } from "./redact";

/** As large as the engine sends: a site of hundreds of machines is one resource. */
const MESSAGE_BYTES = 400 << 20;

export class Host {
  private engine: Engine | undefined;
  private config: ProviderConfig = {};
  private configSecrets: readonly string[] = [];

  constructor(
    private readonly resources: Resources,
    private readonly life: Life,
    engineAddress?: string,
    private readonly functions: Functions = new Map(),
  ) {
    if (engineAddress !== undefined) this.engine = new Engine(engineAddress);
  }

  /** Serves on a free loopback port. */
  async listen(): Promise<{ readonly port: number; readonly server: grpc.Server }> {
    const server = new grpc.Server({
      "grpc.max_receive_message_length": MESSAGE_BYTES,
      "grpc.max_send_message_length": MESSAGE_BYTES,
    });
    server.addService(ResourceProviderService, this.implementation());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return { port, server };
  }

  private implementation(): grpc.UntypedServiceImplementation {
    const implementation: grpc.UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(ResourceProviderService as grpc.ServiceDefinition)) {
      implementation[name] = method.responseStream ? unservedStream(name) : unserved(name);
    }
    return {
      ...implementation,
      handshake: this.unary((request: pb.ProviderHandshakeRequest) => {
        this.attach(request.getEngineAddress());
        return provider.handshake();
      }),
      attach: this.unary((request: PluginAttach) => {
        this.attach(request.getAddress());
        return new Empty();
      }),
      getPluginInfo: this.unary(provider.pluginInfo),
      cancel: this.unary(() => {
        this.life.cancel();
        return new Empty();
      }),
      checkConfig: this.unary(provider.checkConfig),
      diffConfig: this.unary(provider.diffConfig),
      configure: this.unary(async (request: pb.ConfigureRequest) => {
        const configured = await provider.configure(request);
        this.config = configured.config;
        this.configSecrets = configured.secrets;
        return configured.response;
      }),
      check: this.unary(async (request: pb.CheckRequest, contexts) =>
        calls.check(await this.resource(request), request, contexts),
      ),
      diff: this.unary(async (request: pb.DiffRequest, contexts) =>
        calls.diff(await this.resource(request), request, contexts),
      ),
      create: this.unary(async (request: pb.CreateRequest, contexts) =>
        calls.create(await this.resource(request), request, contexts),
      ),
      read: this.unary(async (request: pb.ReadRequest, contexts) =>
        calls.read(await this.resource(request), request, contexts),
      ),
      update: this.unary(async (request: pb.UpdateRequest, contexts) =>
        calls.update(await this.resource(request), request, contexts),
      ),
      delete: this.unary(async (request: pb.DeleteRequest, contexts) => {
        await calls.remove(await this.resource(request), request, contexts);
        return new Empty();
      }),
      invoke: this.unary(async (request: pb.InvokeRequest, contexts) =>
        calls.invoke(await this.function(request.getTok()), request, contexts),
      ),
    };
  }

  /** A run begins: the engine that talks to us now is the one to talk back to. */
  private attach(address: string): void {
    this.life.begin();
    if (address === "" || address === this.engine?.address) return;
    this.engine?.close();
    this.engine = new Engine(address);
  }

  private async resource(request: { getUrn(): string; getType(): string }): Promise<AnyResource> {
    const type = request.getType() || (request.getUrn().split("::")[2]?.split("$").at(-1) ?? "");
    const load = this.resources.get(type);
    if (load !== undefined) return load();
    throw new Error(`plinth ${version} has no resource type ${type}; it has ${[...this.resources.keys()].join(", ")}`);
  }

  private async function(token: string): Promise<AnyFunction> {
    const load = this.functions.get(token);
    if (load !== undefined) return load();
    throw new Error(`plinth ${version} has no function ${token}; it has ${[...this.functions.keys()].join(", ")}`);
  }

  private context(urn: string, secondsLimit: number, redact: (text: string) => string): Context {
    const limit = AbortSignal.timeout(Math.min(secondsLimit * 1000, 2 ** 31 - 1));
    const expired = new AbortController();
    limit.addEventListener("abort", () => expired.abort(new Stopped(`not finished within ${secondsLimit} s`)), {
      once: true,
    });
    const signal = AbortSignal.any([this.life.signal, expired.signal]);
    // Many waits at once listen to it, which is no leak.
    setMaxListeners(0, signal);
    return {
      urn,
      config: this.config,
      signal,
      log: this.engine?.log(urn, redact) ?? silent,
      audit: fileAudit(auditFile(), urn, redact),
      lease: async (hold, work) => {
        const { leaseDirectory, withFileLease } = await import("../lease.js");
        return withFileLease(leaseDirectory(), hold, () => work(signal));
      },
      redact,
    };
  }

  /** One call: counted, its messages delivered before its answer, every error a sentence without its secrets. */
  private unary<Request, Response>(
    handler: (request: Request, contexts: calls.Contexts) => Response | Promise<Response>,
  ): grpc.handleUnaryCall<Request, Response> {
    return (call, callback) => {
      let redact = redactor(this.configSecrets);
      const contexts: calls.Contexts = (urn, secondsLimit, secrets) => {
        redact = redactor([...secrets, ...this.configSecrets]);
        return this.context(urn, secondsLimit, redact);
      };
      this.life
        .during(async () => {
          try {
            return await handler(call.request, contexts);
          } finally {
            await this.engine?.flushed();
          }
        })
        .then(
          (response) => callback(null, response),
          (error) => callback(isServiceError(error) ? error : plainFailure(error, redact)),
        );
    };
  }
}

function isServiceError(error: unknown): error is Partial<grpc.ServiceError> {
  return typeof error === "object" && error !== null && !(error instanceof Error) && "code" in error;
}

const unserved =
  (name: string): grpc.handleUnaryCall<unknown, unknown> =>
  (_, callback) =>
    callback({ code: grpc.status.UNIMPLEMENTED, details: `${name} is not served by this provider` });

const unservedStream =
  (name: string): grpc.handleServerStreamingCall<unknown, unknown> =>
  (call) => {
    call.emit("error", { code: grpc.status.UNIMPLEMENTED, details: `${name} is not served by this provider` });
  };
