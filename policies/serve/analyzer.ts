/**
 * The pack as the engine sees it: one gRPC service on loopback. `@pulumi/policy` has a server too, but it loads the whole
 * SDK at every preview, reads a resource anew for each rule, and does not say which values are secret.
 */
import * as pb from "@pulumi/pulumi/proto/analyzer_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { type Judgement, RuleBook, type Undecided } from "../judge";
import type { Properties, Resource, Rule } from "../rule";
import { packSettings, type RawConfig, today } from "../settings";
import { Values } from "../values";
import { type Method, type Serving, serve } from "./grpc";
import { readResource, readStack, type Told } from "./resource";
import { analyzeResponse, analyzerInfo, levelName, type PackIdentity } from "./wire";

/** As large as the engine sends: a site of hundreds of machines is one resource. */
const MESSAGE_BYTES = 400 << 20;

/** An answer that says nothing. */
const EMPTY = new Uint8Array();

export class Analyzer {
  private book: RuleBook;
  /** Inputs as they were declared: the engine shows a stack's outputs alone, and a component's facts are inputs. */
  private readonly declared = new Map<string, Told>();

  private undecided: Undecided[] = [];

  constructor(
    private readonly identity: PackIdentity,
    private readonly rules: readonly Rule[],
  ) {
    this.book = this.bookOf({});
  }

  /** Serves on a free loopback port. */
  listen(): Promise<Serving> {
    return serve(this.methods(), { limit: MESSAGE_BYTES });
  }

  /**
   * What the engine asks. It also asks for remediations, of every resource before it is analysed: there are none, and an
   * answer that says so at once is the cheapest.
   */
  private methods(): ReadonlyMap<string, Method> {
    const methods: Readonly<Record<string, Method>> = {
      GetPluginInfo: () => {
        const info = new PluginInfo();
        info.setVersion(this.identity.version);
        return info.serializeBinary();
      },
      GetAnalyzerInfo: () => analyzerInfo(this.identity, this.rules).serializeBinary(),
      Configure: (message) => {
        this.book = this.bookOf(configOf(pb.ConfigureAnalyzerRequest.deserializeBinary(message)));
        return EMPTY;
      },
      ConfigureStack: () => EMPTY,
      Analyze: (message) => {
        const { verdicts, undecided } = this.book.judgeResource(this.declaredResource(readResource(message)));
        // Told together at the end: a first preview knows little, and the list is as long as the stack.
        this.undecided.push(...undecided);
        return this.answer({ verdicts, undecided: [] });
      },
      AnalyzeStack: (message) => {
        const seen = readStack(message).filter(({ type }) => this.book.inStack(type));
        const judgement = this.book.judgeStack(seen.map((resource) => this.finalResource(resource)));
        const undecided = [...this.undecided, ...judgement.undecided];
        this.undecided = [];
        return this.answer({ verdicts: judgement.verdicts, undecided });
      },
    };
    return new Map(Object.entries(methods).map(([name, method]) => [`/pulumirpc.Analyzer/${name}`, explained(method)]));
  }

  private bookOf(config: RawConfig): RuleBook {
    return new RuleBook(this.rules, packSettings(config, this.rules, today()));
  }

  private declaredResource(told: Told): Resource {
    if (this.book.inStack(told.type)) this.declared.set(told.urn, told);
    return resourceOf(told, told.properties);
  }

  private finalResource(told: Told): Resource {
    return resourceOf(told, () => ({ ...this.declared.get(told.urn)?.properties(), ...told.properties() }));
  }

  private answer(judgement: Judgement): Uint8Array {
    return analyzeResponse(this.identity, judgement).serializeBinary();
  }
}

function resourceOf({ properties: _, ...told }: Told, wire: () => Properties): Resource {
  let values: Values | undefined;
  return {
    ...told,
    get props() {
      values ??= new Values(wire());
      return values.props;
    },
    get open() {
      values ??= new Values(wire());
      return values.open;
    },
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
function explained(method: Method): Method {
  return (message) => {
    try {
      return method(message);
    } catch (error) {
      throw new Error(`plinth's policy pack failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
}
