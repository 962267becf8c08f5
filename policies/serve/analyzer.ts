/**
 * The pack as the engine sees it: one gRPC service on loopback. `@pulumi/policy` has a server too, but it loads the whole
 * SDK at every preview, reads a resource anew for each rule, and does not say which values are secret.
 */
import * as grpc from "@grpc/grpc-js";
import { AnalyzerService } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import * as pb from "@pulumi/pulumi/proto/analyzer_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type Judgement, RuleBook, type Undecided } from "../judge";
import type { Properties, Resource, Rule } from "../rule";
import { packSettings, type RawConfig, today } from "../settings";
import { Values } from "../values";
import { analyzeResponse, analyzerInfo, levelName, type PackIdentity } from "./wire";

/** As large as the engine sends: a site of hundreds of machines is one resource. */
const MESSAGE_BYTES = 400 << 20;

const { remediate, ...calls } = AnalyzerService as { readonly [name: string]: grpc.MethodDefinition<unknown, unknown> };

/** The engine asks for remediations of every resource; none of its questions is read, because there are none. */
const SERVICE: grpc.ServiceDefinition = {
  ...calls,
  ...(remediate && { remediate: { ...remediate, requestDeserialize: () => undefined } }),
};

export class Analyzer {
  private book: RuleBook;
  /** Inputs as they were declared: the engine shows a stack's outputs alone, and a component's facts are inputs. */
  private readonly declared = new Map<string, Properties>();

  private undecided: Undecided[] = [];

  constructor(
    private readonly identity: PackIdentity,
    private readonly rules: readonly Rule[],
  ) {
    this.book = this.bookOf({});
  }

  /** Serves on a free loopback port. */
  async listen(): Promise<number> {
    const server = new grpc.Server({
      "grpc.max_receive_message_length": MESSAGE_BYTES,
      "grpc.max_send_message_length": MESSAGE_BYTES,
    });
    server.addService(SERVICE, this.implementation());
    return new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  private implementation(): grpc.UntypedServiceImplementation {
    const unserved = Object.keys(SERVICE).map((name) => [name, notServed(name)] as const);
    return {
      ...Object.fromEntries(unserved),
      getPluginInfo: unary(() => {
        const info = new PluginInfo();
        info.setVersion(this.identity.version);
        return info;
      }),
      getAnalyzerInfo: unary(() => analyzerInfo(this.identity, this.rules)),
      configure: unary((request: pb.ConfigureAnalyzerRequest) => {
        this.book = this.bookOf(configOf(request));
        return new Empty();
      }),
      configureStack: unary(() => new pb.AnalyzerStackConfigureResponse()),
      analyze: unary((request: pb.AnalyzeRequest) => {
        const { verdicts, undecided } = this.book.judgeResource(this.declaredResource(request));
        // Told together at the end: a first preview knows little, and the list is as long as the stack.
        this.undecided.push(...undecided);
        return this.answer({ verdicts, undecided: [] });
      }),
      analyzeStack: unary((request: pb.AnalyzeStackRequest) => {
        const seen = request.getResourcesList().filter((resource) => this.book.inStack(resource.getType()));
        const judgement = this.book.judgeStack(seen.map((resource) => this.finalResource(resource)));
        const undecided = [...this.undecided, ...judgement.undecided];
        this.undecided = [];
        return this.answer({ verdicts: judgement.verdicts, undecided });
      }),
      remediate: unary(() => new pb.RemediateResponse()),
    };
  }

  private bookOf(config: RawConfig): RuleBook {
    return new RuleBook(this.rules, packSettings(config, this.rules, today()));
  }

  private declaredResource(request: pb.AnalyzeRequest): Resource {
    const wire = request.getProperties()?.toJavaScript() ?? {};
    if (this.book.inStack(request.getType())) this.declared.set(request.getUrn(), wire);
    return resourceOf(request, wire);
  }

  private finalResource(resource: pb.AnalyzerResource): Resource {
    const outputs = resource.getProperties()?.toJavaScript() ?? {};
    return resourceOf(resource, { ...this.declared.get(resource.getUrn()), ...outputs });
  }

  private answer(judgement: Judgement): pb.AnalyzeResponse {
    return analyzeResponse(this.identity, judgement);
  }
}

type Message = Pick<pb.AnalyzerResource, "getUrn" | "getType" | "getName" | "getOptions" | "getProvider">;

function resourceOf(message: Message, wire: { readonly [name: string]: unknown }): Resource {
  const options = message.getOptions();
  const values = new Values(wire);
  const provider = message.getProvider()?.getUrn();
  return {
    urn: message.getUrn(),
    type: message.getType(),
    name: message.getName(),
    get props() {
      return values.props;
    },
    get open() {
      return values.open;
    },
    protect: options?.getProtect() ?? false,
    secretOutputs: options?.getAdditionalsecretoutputsList() ?? [],
    ignoreChanges: options?.getIgnorechangesList() ?? [],
    ...(provider !== undefined && { provider }),
  };
}

function configOf(request: pb.ConfigureAnalyzerRequest): RawConfig {
  const config: { [rule: string]: RawConfig[string] } = {};
  for (const [name, policy] of request.getPolicyconfigMap().entries() as Iterable<[string, pb.PolicyConfig]>) {
    config[name] = {
      level: levelName(policy.getEnforcementlevel()),
      properties: policy.getProperties()?.toJavaScript() ?? {},
    };
  }
  return config;
}

/** An error reaches the user as its message: the engine prints whatever it gets. */
function unary<Request, Response>(handler: (request: Request) => Response): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    try {
      callback(null, handler(call.request));
    } catch (error) {
      const details = `plinth's policy pack failed: ${error instanceof Error ? error.message : String(error)}`;
      callback({ code: grpc.status.INTERNAL, details });
    }
  };
}

const notServed =
  (name: string): grpc.handleUnaryCall<unknown, unknown> =>
  (_, callback) =>
    callback({ code: grpc.status.UNIMPLEMENTED, details: `${name} is not served by this pack` });
