import type { Raw } from "../http/wire";
import { messages, NetBoxError } from "./errors";

/** A request below `/api/`. */
export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Path and query, as in `ipam/prefixes/?prefix=10.0.0.0%2F24`. */
  readonly path: string;
  readonly body?: unknown;
  readonly ifMatch?: string;
}

/** A good answer. */
export interface Answer {
  readonly body: unknown;
  readonly etag?: string;
}

/** A change says how things shall be, and deleting what is gone is no error: only making something is not repeatable. */
export function isRepeatable(method: Call["method"]): boolean {
  return method !== "POST";
}

/** The answer if it is a good one; throws a {@link NetBoxError} with what it means otherwise. */
export function judge(call: Call, { status, headers, text }: Raw, base: string): Answer {
  const json = (headers["content-type"] ?? "").includes("json");
  const body = json && text !== "" ? readJson(text) : undefined;
  const path = call.path.split("?")[0];
  if (status >= 200 && status < 300) {
    if (status !== 204 && body === undefined)
      throw new NetBoxError("foreign", `${base} does not answer as NetBox does`);
    return { body, ...(headers.etag !== undefined && { etag: headers.etag }) };
  }
  const said = messages(body) || (json ? "" : "an HTML page");
  const where = `${call.method} ${path}`;
  // 429 is said before anything is done, whatever the method.
  if (status === 429) throw new NetBoxError("server", `${where}: NetBox asks to slow down`, true);
  if (status >= 500) {
    const again = isRepeatable(call.method);
    throw new NetBoxError(again ? "server" : "unknown", `${where}: NetBox answers ${status}: ${said}`, again);
  }
  switch (status) {
    case 401:
    case 403:
      throw new NetBoxError("denied", `NetBox refuses ${where}: ${said}`);
    case 404:
      if (body === undefined) throw new NetBoxError("foreign", `${base} has no page /api/${path}`);
      throw new NetBoxError("missing", said);
    case 409:
      throw new NetBoxError("full", said);
    case 412:
      throw new NetBoxError("stale", said);
    default:
      if (status === 400 && body !== undefined) throw new NetBoxError("invalid", said);
      throw new NetBoxError("foreign", `${base} answers ${where} with ${status}, which NetBox does not`);
  }
}

/** A body cut off on its way is none. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
