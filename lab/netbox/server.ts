import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ApiResponse, answer } from "./api";
import type { Token } from "./auth";
import { type Fault, Faults } from "./faults";
import type { Settings } from "./model";
import type { Scope } from "./objects";
import { Store } from "./store";
import { type Behaviour, behaviour } from "./versions";

/** How a server is to be. */
export interface NetBoxOptions {
  /** Minor or full version to play. @default "4.6" */
  readonly version?: string;
  readonly tokens: readonly Token[];
  /** File that outlives the process. @default - in memory */
  readonly file?: string;
  /** @default true */
  readonly enforceGlobalUnique?: boolean;
  /** How long an idle connection is kept, in milliseconds; a real server's is about as short. @default 2000 */
  readonly keepAliveMs?: number;
  /** Waited before each answer, in milliseconds, to stand for a busy server. @default 0 */
  readonly latencyMs?: number;
  /** Called when a request has come, and again when its change is made but not answered. */
  readonly onRequest?: (event: RequestEvent) => void | Promise<void>;
}

/** A moment in the life of a request. */
export interface RequestEvent {
  readonly phase: "received" | "committed";
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Objects in the body: several in a list, one else, none without a body. */
  readonly items: number;
  /** Status of the answer; absent while it is not known. */
  readonly status?: number;
}

/** What the usual application server in front of NetBox takes, in bytes. */
const longestRequestLine = 4094;

const serverError = "<!doctype html><title>Server Error</title><h1>Server Error</h1>";

/** A server that answers as NetBox does, for the lab and for tests, with faults on demand. */
export class NetBoxServer {
  readonly faults = new Faults();
  readonly store: Store;
  private readonly version: Behaviour;
  private readonly scope: Scope;
  private readonly server: Server;
  /** A fault without an answer waits for the server's end. */
  private readonly ended = new AbortController();

  constructor(private readonly options: NetBoxOptions) {
    this.store = new Store(options.file);
    this.version = behaviour(options.version ?? "4.6");
    const settings: Settings = { enforceGlobalUnique: options.enforceGlobalUnique ?? true };
    this.scope = { store: this.store, settings, version: this.version };
    this.server = createServer((request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
    this.server.keepAliveTimeout = options.keepAliveMs ?? 2000;
  }

  /** Listens and returns the URL. @default port - any free one */
  async listen(host = "127.0.0.1", port = 0): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, host, resolve);
    });
    const address = this.server.address() as AddressInfo;
    return `http://${host}:${address.port}`;
  }

  /** Ends every connection and stops. */
  async close(): Promise<void> {
    this.ended.abort();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? "GET";
    const path = request.url ?? "/";
    if (Buffer.byteLength(`${method} ${path} HTTP/1.1`) > longestRequestLine) {
      return this.write(response, { status: 400, body: "<h1>Bad Request</h1>Request Line is too large" });
    }
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    if (path.startsWith("/lab/faults")) return this.control(method, body, response);

    const items = countItems(body);
    await this.options.onRequest?.({ phase: "received", method, url: path, items });
    const fault = this.faults.strike(method, path);
    if (this.options.latencyMs !== undefined) await sleep(this.options.latencyMs);
    const before = fault && (await this.early(fault));
    if (before === "reset") return void response.destroy();
    if (before) return this.write(response, before);

    const url = new URL(path, `http://${request.headers.host ?? "localhost"}`);
    const read = { method, url, headers: request.headers as Record<string, string | undefined>, body };
    const first = answer(read, this.scope, this.options.tokens);
    const result = fault?.kind === "duplicate-key" ? answer(read, this.scope, this.options.tokens) : first;
    await this.options.onRequest?.({ phase: "committed", method, url: path, items, status: result.status });
    if (fault?.kind === "reset-after-commit") return void response.destroy();
    this.write(response, result);
  }

  /** What a fault answers before the request is looked at. */
  private async early(fault: Fault): Promise<ApiResponse | "reset" | undefined> {
    const { version } = this.version;
    switch (fault.kind) {
      case "slow":
        await sleep(fault.delayMs ?? 1000, undefined, { signal: this.ended.signal });
        return undefined;
      case "hang":
        await sleep(2 ** 31 - 1, undefined, { signal: this.ended.signal });
        return "reset";
      case "500-json":
        return {
          status: 500,
          body: {
            error: "connection failed",
            exception: "OperationalError",
            netbox_version: version,
            python_version: "3.12.1",
          },
        };
      case "500-html":
        return { status: 500, body: serverError };
      case "502":
      case "503":
      case "429":
        return { status: Number(fault.kind), headers: { "Retry-After": "0" }, body: serverError };
      case "reset":
        return "reset";
      default:
        return undefined;
    }
  }

  /** Faults by hand: `POST /lab/faults` adds one, `DELETE` ends them all. */
  private control(method: string, body: string, response: ServerResponse): void {
    if (method === "DELETE") this.faults.clear();
    else if (method === "POST") this.faults.add(JSON.parse(body) as Fault);
    response.writeHead(204).end();
  }

  private write(response: ServerResponse, { status, headers, body }: ApiResponse): void {
    const html = typeof body === "string";
    const text = body === undefined ? "" : html ? (body as string) : JSON.stringify(body);
    response.writeHead(status, {
      "API-Version": this.version.api,
      "X-Request-ID": randomUUID(),
      ...(body !== undefined && { "Content-Type": html ? "text/html; charset=utf-8" : "application/json" }),
      ...headers,
    });
    response.end(text);
  }
}

function countItems(body: string): number {
  if (body === "") return 0;
  try {
    const parsed: unknown = JSON.parse(body);
    return Array.isArray(parsed) ? parsed.length : 1;
  } catch {
    return 1;
  }
}
