/** The engine's calls about one resource, each turned into a call of the contract. */
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type Problem, ProblemError } from "../../components/problem";
import { hasUnknown, unknown } from "../draft";
import type { AnyFunction } from "../function";
import type { AnyResource, Context, Reached, State } from "../resource";
import { diffResponse } from "./diff";
import { partial } from "./failure";
import { inputProblems, schemaProblems } from "./parse";
import { type Decoded, decode, encode } from "./values";

type Plain = { readonly [key: string]: unknown };

/** Makes the context of one call; `secondsLimit` bounds it, `secrets` are redacted from all it says. */
export type Contexts = (urn: string, secondsLimit: number, secrets: readonly string[]) => Context;

export async function check(
  resource: AnyResource,
  request: pb.CheckRequest,
  contexts: Contexts,
): Promise<pb.CheckResponse> {
  const news = decode(request.getNews());
  const context = contexts(request.getUrn(), resource.limits.read, news.secretTexts);
  const olds = request.getOlds();
  const accepted = () => (olds === undefined ? unknown : decode(olds).value);
  const problems = await inputProblems(resource, news.value, context, accepted);
  const response = new pb.CheckResponse();
  response.setInputs(encode(news.value, secretKeys(resource, news)));
  response.setFailuresList(problems.map((problem) => failure(problem, secretKeys(resource, news), context)));
  return response;
}

/** For a plain top-level property the engine prints the value beside the reason: a secret one is named in the text. */
function failure(problem: Problem, secrets: ReadonlySet<string>, context: Context): pb.CheckFailure {
  const reason = context.redact(`${problem.reason} (${problem.fix})`);
  const hide = secrets.has(problem.path);
  const message = new pb.CheckFailure();
  message.setProperty(hide ? "" : problem.path);
  message.setReason(hide ? `${problem.path}: ${reason}` : reason);
  return message;
}

export async function diff(
  resource: AnyResource,
  request: pb.DiffRequest,
  contexts: Contexts,
): Promise<pb.DiffResponse> {
  const prior = stored(resource, request.getOldInputs(), request.getOlds());
  const news = decode(request.getNews());
  const context = contexts(request.getUrn(), resource.limits.read, [...prior.secretTexts, ...news.secretTexts]);
  const changes = await resource.diff(prior.state, news.value, context);
  for (const change of changes) {
    if (change.replace !== undefined) context.log.info(`${change.path} replaces it: ${change.replace}`);
  }
  return diffResponse(changes, resource.deleteBeforeReplace ?? false);
}

export async function create(
  resource: AnyResource,
  request: pb.CreateRequest,
  contexts: Contexts,
): Promise<pb.CreateResponse> {
  const news = decode(request.getProperties());
  const context = contexts(request.getUrn(), request.getTimeout() || resource.limits.create, news.secretTexts);
  const secrets = secretKeys(resource, news);
  const response = new pb.CreateResponse();
  if (request.getPreview()) {
    const seen = known(await resource.preview(news.value, undefined, context));
    const unseen = Object.fromEntries(Object.keys(resource.outputs.shape).map((key) => [key, unknown]));
    response.setProperties(encode({ ...unseen, ...seen }, secrets));
    return response;
  }
  const reached = await resource.create(wanted(resource, news), context);
  response.setId(reached.id);
  response.setProperties(finish(reached.id, reached, secrets, context));
  return response;
}

export async function update(
  resource: AnyResource,
  request: pb.UpdateRequest,
  contexts: Contexts,
): Promise<pb.UpdateResponse> {
  const prior = stored(resource, request.getOldInputs(), request.getOlds());
  const news = decode(request.getNews());
  const context = contexts(request.getUrn(), request.getTimeout() || resource.limits.update, [
    ...prior.secretTexts,
    ...news.secretTexts,
  ]);
  const secrets = secretKeys(resource, news);
  const response = new pb.UpdateResponse();
  if (request.getPreview()) {
    const seen = known(await resource.preview(news.value, prior.state, context));
    response.setProperties(encode({ ...(prior.state.outputs as Plain), ...seen }, secrets));
    return response;
  }
  const reached = await resource.update(request.getId(), prior.state, wanted(resource, news), context);
  response.setProperties(finish(request.getId(), reached, secrets, context));
  return response;
}

export async function read(
  resource: AnyResource,
  request: pb.ReadRequest,
  contexts: Contexts,
): Promise<pb.ReadResponse> {
  const imported = (request.getInputs()?.getFieldsMap().getLength() ?? 0) === 0;
  const prior = imported ? undefined : stored(resource, request.getInputs(), request.getProperties());
  const context = contexts(request.getUrn(), resource.limits.read, prior?.secretTexts ?? []);
  const found = await resource.read(request.getId(), prior?.state, context);
  const response = new pb.ReadResponse();
  if (found === undefined) return response;
  const secrets = new Set([...(resource.secrets as readonly string[]), ...(prior?.secretKeys ?? [])]);
  response.setId(request.getId());
  response.setInputs(encode(found.inputs as Plain, secrets));
  response.setProperties(encode(found.outputs as Plain, secrets));
  return response;
}

export async function remove(resource: AnyResource, request: pb.DeleteRequest, contexts: Contexts): Promise<void> {
  const prior = stored(resource, request.getOldInputs(), request.getProperties());
  const context = contexts(request.getUrn(), request.getTimeout() || resource.limits.delete, prior.secretTexts);
  await resource.delete(request.getId(), prior.state, context);
}

/** A call that belongs to no resource, with every input known. */
export async function invoke(
  asked: AnyFunction,
  request: pb.InvokeRequest,
  contexts: Contexts,
): Promise<pb.InvokeResponse> {
  const { value, secretTexts } = decode(request.getArgs());
  const problems = schemaProblems(asked.inputs, value);
  if (problems.length > 0) throw new ProblemError(`${asked.token}: inputs`, problems);
  const inputs = asked.inputs.parse(value);
  const named = (asked.secrets as readonly string[]).flatMap((key) => {
    const text = value[key];
    return typeof text === "string" ? [text] : [];
  });
  const context = contexts(asked.about(inputs), asked.seconds(inputs), [...secretTexts, ...named]);
  const response = new pb.InvokeResponse();
  response.setReturn(encode(await asked.call(inputs, context), new Set()));
  return response;
}

/** Wraps what was reached; if that is not all, throws the error that makes the engine keep it. */
function finish(id: string, reached: Reached<unknown>, secrets: ReadonlySet<string>, context: Context): Struct {
  const properties = encode(reached.outputs as Plain, secrets);
  const failures = reached.failures ?? [];
  if (failures.length > 0) throw partial(id, properties, failures.map(context.redact));
  return properties;
}

/** Inputs of a real create or update: the engine has resolved everything, and check has passed. */
function wanted(resource: AnyResource, news: Decoded): unknown {
  const problems = schemaProblems(resource.inputs, news.value);
  if (problems.length > 0) throw new ProblemError(`${resource.type}: inputs`, problems);
  if (hasUnknown(news.value)) throw new Error(`${resource.type}: the engine sent an input that it does not know yet`);
  return resource.inputs.parse(news.value);
}

interface Stored {
  readonly state: State<unknown, unknown>;
  readonly secretKeys: ReadonlySet<string>;
  readonly secretTexts: readonly string[];
}

function stored(resource: AnyResource, inputs: Struct | undefined, outputs: Struct | undefined): Stored {
  const ins = decode(inputs);
  const outs = decode(outputs);
  const problems = [...schemaProblems(resource.inputs, ins.value), ...schemaProblems(resource.outputs, outs.value)];
  if (problems.length > 0) {
    throw new ProblemError(
      `${resource.type}: its stored state cannot be read by this version of the provider`,
      problems.map((problem) => ({ ...problem, fix: "use the version that wrote the state, or run `pulumi refresh`" })),
    );
  }
  return {
    state: { inputs: resource.inputs.parse(ins.value), outputs: resource.outputs.parse(outs.value) },
    secretKeys: new Set([...ins.secretKeys, ...outs.secretKeys]),
    secretTexts: [...ins.secretTexts, ...outs.secretTexts],
  };
}

function secretKeys(resource: AnyResource, decoded: Decoded): ReadonlySet<string> {
  return new Set([...(resource.secrets as readonly string[]), ...decoded.secretKeys]);
}

function known(outputs: unknown): Plain {
  return typeof outputs === "object" && outputs !== null ? (outputs as Plain) : {};
}
