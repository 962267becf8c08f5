import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { type Answer, notFound, plain, type Question } from "./answer";

/** Longest path with its query, in bytes. */
const LONGEST_URL = 1024;
/** Longest time for a whole request to arrive, in milliseconds. */
const SLOWEST = 10_000;
const MOST_CONNECTIONS = 4096;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Largest body, in bytes. */
  readonly largestBody: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly handle: (question: Question) => Promise<Answer>;
  /** A handler failed, which is a fault of ours. */
  readonly onError: (error: unknown) => void;
}

/** An HTTP server that is bounded in everything a stranger could fill: header, body, time, connections. */
export class Listener {
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(options: ListenerOptions): Promise<Listener> {
    const limits = {
      maxHeaderSize: 8192,
      headersTimeout: SLOWEST / 2,
      requestTimeout: SLOWEST,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 5000,
    };
    const listener = (request: IncomingMessage, response: ServerResponse) => void respond(options, request, response);
    const server = options.tls ? createHttps({ ...limits, ...options.tls }, listener) : createHttp(limits, listener);
    server.maxConnections = MOST_CONNECTIONS;
    // A machine whose power goes leaves half a connection.
    server.on("clientError", (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: options.host, port: options.port, backlog: 2048 }, () => resolve());
    });
    return new Listener(server, (server.address() as AddressInfo).port);
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

async function respond(options: ListenerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await send(response, request.method === "HEAD", await answerTo(options, request));
  } catch (error) {
    // Everything else was answered; a connection that broke is nobody's fault.
    if (!response.headersSent && !response.destroyed) options.onError(error);
    response.destroy();
  }
}

async function answerTo(options: ListenerOptions, request: IncomingMessage): Promise<Answer> {
  const url = request.url ?? "";
  if (url.length > LONGEST_URL) return plain("too long\n", 414);
  try {
    return await options.handle({
      method: request.method ?? "",
      url,
      from: request.socket.remoteAddress ?? "",
      authorization: request.headers.authorization,
      body: () => bodyOf(request, options.largestBody),
    });
  } catch (error) {
    if (error instanceof TooLarge) return plain("too large\n", 413);
    options.onError(error);
    return plain("the boot server failed; see its log\n", 500);
  }
}

class TooLarge extends Error {}

async function bodyOf(request: IncomingMessage, largest: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largest) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function send(response: ServerResponse, headOnly: boolean, answer: Answer): Promise<void> {
  const { size } =
    answer.file === undefined ? { size: undefined } : await stat(answer.file).catch(() => ({ size: -1 }));
  const { status, type, body, file } = size === -1 ? notFound : answer;
  // No proxy may keep an answer: it is for one moment in the life of one machine.
  response.writeHead(status, {
    "Content-Type": `${type}${type === "text/plain" ? "; charset=utf-8" : ""}`,
    "Content-Length": file === undefined ? Buffer.byteLength(body) : (size ?? 0),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    // What was not read of a refused body shall not be taken for the next request.
    ...(status >= 400 && { Connection: "close" }),
  });
  if (headOnly || file === undefined) response.end(headOnly ? undefined : body);
  else await pipeline(createReadStream(file), response);
}
