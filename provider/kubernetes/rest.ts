/** One request to a Kubernetes API with the credentials of a kubeconfig: bounded, and nothing lost in typed models. */
import { type RequestOptions, request } from "node:https";
import { KubernetesError } from "./ports";

/** An answer larger than this is not read. */
const ANSWER_BYTES = 32 << 20;

export interface Call {
  readonly method: "GET" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** @default "application/json" */
  readonly accept?: string;
  readonly body?: unknown;
  readonly seconds: number;
}

export interface Rest {
  /** The JSON answer. @throws KubernetesError for every other status than 2xx, and for no answer */
  send(call: Call, signal: AbortSignal): Promise<unknown>;
}

/** Where an API is, and with what credentials. */
export interface Access {
  readonly server: string;
  readonly options: RequestOptions;
}

/** A client for the current context of a kubeconfig; without one, for the cluster that this process runs in. */
export function rest(kubeconfig?: string): Rest {
  return restTo(async () => {
    // Loaded only when it is used.
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    if (kubeconfig === undefined) config.loadFromCluster();
    else config.loadFromString(kubeconfig);
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) throw new Error("the kubeconfig names no cluster");
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return { server, options };
  });
}

/** A client for an API; `access` is asked once. */
export function restTo(access: () => Promise<Access>): Rest {
  let prepared: Promise<Access> | undefined;
  return {
    async send(call, signal) {
      signal.throwIfAborted();
      prepared ??= access();
      const { server, options } = await prepared;
      const { status, text } = await exchange(server, options, call, signal);
      if (status < 200 || status > 299) throw new KubernetesError(status, said(text) ?? `the API answers ${status}`);
      return JSON.parse(text);
    },
  };
}

function exchange(
  server: string,
  options: RequestOptions,
  call: Call,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const url = new URL(call.path, server);
  for (const [key, value] of Object.entries(call.query ?? {})) url.searchParams.set(key, value);
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const bound = AbortSignal.any([signal, AbortSignal.timeout(call.seconds * 1000)]);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      if (signal.aborted) reject(signal.reason);
      else if (bound.aborted) reject(new KubernetesError(0, `${url.host} gave no answer within ${call.seconds} s`));
      else reject(new KubernetesError(0, `${url.host} cannot be reached: ${error.message}`));
    };
    const outgoing = request(
      url,
      {
        ...options,
        method: call.method,
        signal: bound,
        headers: {
          ...options.headers,
          accept: call.accept ?? "application/json",
          ...(body !== undefined && {
            "content-type": call.contentType ?? "application/json",
            "content-length": Buffer.byteLength(body),
          }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > ANSWER_BYTES) outgoing.destroy(new Error("its answer is too large"));
          chunks.push(chunk);
        });
        response.on("error", fail);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    outgoing.on("error", fail);
    outgoing.end(body);
  });
}

/** The message of a Status object. */
function said(text: string): string | undefined {
  try {
    const status = JSON.parse(text) as { readonly message?: unknown };
    return typeof status.message === "string" && status.message !== "" ? status.message : undefined;
  } catch {
    return undefined;
  }
}
