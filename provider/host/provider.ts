/** The calls about the provider itself: hand-shake, configuration, cancel. */
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { version } from "../../package.json";
import type { ProviderConfig } from "./config";
import { changesBetween, diffResponse } from "./diff";
import { schemaProblems } from "./parse";
import { decode, encode } from "./values";

/** A program asks for the plugin of its own package's version. */
export function pluginInfo(): PluginInfo {
  const info = new PluginInfo();
  info.setVersion(version);
  return info;
}

/** Secrets arrive marked and are wrapped again by us; previews go through create and update. */
export function handshake(): pb.ProviderHandshakeResponse {
  const response = new pb.ProviderHandshakeResponse();
  response.setAcceptSecrets(true);
  return response;
}

export async function checkConfig(request: pb.CheckRequest): Promise<pb.CheckResponse> {
  const news = decode(request.getNews());
  const response = new pb.CheckResponse();
  response.setInputs(encode(withoutSite(news.value), news.secretKeys));
  const problems = hasSettings(news.value)
    ? schemaProblems((await import("./config.js")).providerConfig, news.value)
    : [];
  response.setFailuresList(
    problems.map((problem) => {
      const failure = new pb.CheckFailure();
      failure.setProperty(problem.path);
      failure.setReason(`${problem.reason} (${problem.fix})`);
      return failure;
    }),
  );
  return response;
}

/**
 * The engine hands a default provider every `plinth:` key of the stack file, the site among them. It is no setting of the
 * provider: kept out of the state, an edit of the site is no change of the provider.
 */
function withoutSite(config: Record<string, unknown>): Record<string, unknown> {
  const { site: _, ...settings } = config;
  return settings;
}

/** Most stacks set nothing, and everything waits for the plugin meanwhile: the schema is loaded for those that do. */
function hasSettings(config: Record<string, unknown>): boolean {
  const { version: _, pluginDownloadURL: __, ...settings } = withoutSite(config);
  return Object.keys(settings).length > 0;
}

/** Never a replacement: a new URL or token says how the world is reached, not what is in it. */
export function diffConfig(request: pb.DiffRequest): pb.DiffResponse {
  return diffResponse(changesBetween(decode(request.getOldInputs()).value, decode(request.getNews()).value), false);
}

/** What the engine's configuration of the provider comes to. */
interface Configured {
  readonly response: pb.ConfigureResponse;
  readonly config: ProviderConfig;
  readonly secrets: readonly string[];
}

export async function configure(request: pb.ConfigureRequest): Promise<Configured> {
  const args = decode(request.getArgs());
  const response = new pb.ConfigureResponse();
  response.setAcceptsecrets(true);
  response.setSupportspreview(true);
  if (!hasSettings(args.value)) return { response, config: {}, secrets: args.secretTexts };
  const { configSecrets, providerConfig } = await import("./config.js");
  const config = providerConfig.parse(args.value);
  return { response, config, secrets: [...args.secretTexts, ...configSecrets(config)] };
}
