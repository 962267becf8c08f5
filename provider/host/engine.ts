/** Talking back to the engine: messages below a resource and progress in its status column. */
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Log } from "../resource";

/** A message that cannot be delivered is dropped: the engine is gone, and that is noticed elsewhere. */
const DELIVERY_MS = 5000;

export class Engine {
  private readonly client: grpc.Client;
  /** Done when the last message so far has arrived: one after the other, or the engine shows them in any order. */
  private last = Promise.resolve();

  constructor(readonly address: string) {
    // The engine is on this machine; a proxy of the user's, which gRPC would ask by default, does not reach it.
    this.client = new grpc.Client(address, grpc.credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
  }

  log(urn: string, redact: (text: string) => string): Log {
    const send = (severity: LogSeverity, message: string, ephemeral: boolean): void => {
      const request = new LogRequest();
      request.setSeverity(severity);
      request.setMessage(redact(message));
      request.setUrn(urn);
      request.setEphemeral(ephemeral);
      const deadline = Date.now() + DELIVERY_MS;
      this.last = this.last.then(() => this.send(request, deadline));
    };
    return {
      info: (message) => send(LogSeverity.INFO, message, false),
      warn: (message) => send(LogSeverity.WARNING, message, false),
      progress: (message) => send(LogSeverity.INFO, message, true),
    };
  }

  /** Resolves when every message so far has arrived; a call's answer must not overtake its messages. */
  async flushed(): Promise<void> {
    await this.last;
  }

  close(): void {
    this.client.close();
  }

  /** By service definition and own client: `EngineClient` of another copy of grpc refuses our credentials. */
  private send(request: LogRequest, deadline: number): Promise<void> {
    const method = EngineService.log;
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        { deadline },
        () => resolve(),
      );
    });
  }
}

/** For calls before any engine is known. */
export const silent: Log = { info: () => undefined, warn: () => undefined, progress: () => undefined };
