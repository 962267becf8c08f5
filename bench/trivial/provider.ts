import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";

/** The least a provider can do: it echoes. What a run with it costs is the engine's own price. */
type Handler = grpc.handleUnaryCall<unknown, unknown>;

const handlers: Record<string, (request: never) => unknown> = {
  handshake: () => {
    const response = new pb.ProviderHandshakeResponse();
    response.setAcceptSecrets(true);
    response.setAcceptResources(true);
    return response;
  },
  getPluginInfo: () => {
    const info = new PluginInfo();
    info.setVersion("1.0.0");
    return info;
  },
  checkConfig: (request: pb.CheckRequest) => checked(request),
  diffConfig: () => new pb.DiffResponse(),
  configure: () => {
    const response = new pb.ConfigureResponse();
    response.setAcceptsecrets(true);
    response.setSupportspreview(true);
    return response;
  },
  check: (request: pb.CheckRequest) => checked(request),
  diff: (request: pb.DiffRequest) => {
    const same = JSON.stringify(request.getOldInputs()?.toObject()) === JSON.stringify(request.getNews()?.toObject());
    const response = new pb.DiffResponse();
    response.setChanges(same ? pb.DiffResponse.DiffChanges.DIFF_NONE : pb.DiffResponse.DiffChanges.DIFF_SOME);
    return response;
  },
  create: (request: pb.CreateRequest) => {
    const response = new pb.CreateResponse();
    response.setId(request.getPreview() ? "" : "id");
    response.setProperties(request.getProperties());
    return response;
  },
  delete: () => new Empty(),
  cancel: () => {
    setImmediate(() => process.exit(0));
    return new Empty();
  },
};

function checked(request: pb.CheckRequest): pb.CheckResponse {
  const response = new pb.CheckResponse();
  response.setInputs(request.getNews());
  return response;
}

const server = new grpc.Server({
  "grpc.max_receive_message_length": 400 << 20,
  "grpc.max_send_message_length": 400 << 20,
});
const implementation: Record<string, Handler> = {};
for (const name of Object.keys(ResourceProviderService as grpc.ServiceDefinition)) {
  const handler = handlers[name];
  implementation[name] = handler
    ? (call, callback) => callback(null, handler(call.request as never))
    : (_, callback) => callback({ code: grpc.status.UNIMPLEMENTED, message: name });
}
server.addService(ResourceProviderService as grpc.ServiceDefinition, implementation);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
process.on("SIGINT", () => process.exit(0));
process.stdin.on("end", () => process.exit(0)).resume();
