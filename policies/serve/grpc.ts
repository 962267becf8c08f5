/**
 * Unary gRPC over Node's own HTTP/2. The engine asks a pack twice for every resource and waits for each answer: with
 * `@grpc/grpc-js` most of what a pack costs is spent between the socket and the first line of its own code.
 */
import { constants, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";

/** Bytes of a request's message to bytes of its answer's. An error is the caller's as `INTERNAL`, in its message. */
export type Method = (message: Uint8Array) => Uint8Array;

/** Codes of gRPC that this server gives itself. */
const OK = 0;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;

/** One byte says whether a message is compressed, four say how long it is. */
const PREFIX = 5;
/** Headers have to fit into one frame, and a letter takes up to nine bytes there. */
const DETAIL_LENGTH = 4000;
/** What a client may send before it hears from the server: without this a large message takes a round for every 64 KiB. */
const WINDOW = 16 << 20;

/** How a server treats what reaches it. */
export interface ServerOptions {
  /** Longest message that is taken, in bytes. */
  readonly limit: number;
}

/** A server that runs until it is closed. */
export interface Serving {
  readonly port: number;
  readonly server: Http2Server;
}

/** Serves methods by their path, as `/pulumirpc.Analyzer/Analyze`, on a free port of 127.0.0.1; other paths are unimplemented. */
export function serve(methods: ReadonlyMap<string, Method>, { limit }: ServerOptions): Promise<Serving> {
  const server = createServer({ settings: { initialWindowSize: WINDOW } });
  server.on("session", (session) => session.setLocalWindowSize(WINDOW));
  // A client that goes away in the middle of a call is its own affair.
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const method = methods.get(String(headers[constants.HTTP2_HEADER_PATH]));
    if (method !== undefined) return receive(stream, limit, (message) => answer(stream, method, message));
    stream.resume();
    end(stream, UNIMPLEMENTED, "not served by this pack");
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("there is no port to serve on"));
      else resolve({ port: address.port, server });
    });
  });
}

/** Collects the one message of a call. */
function receive(stream: ServerHttp2Stream, limit: number, then: (message: Uint8Array) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= limit + PREFIX) chunks.push(chunk);
  });
  stream.on("end", () => {
    if (length > limit + PREFIX) return end(stream, RESOURCE_EXHAUSTED, `a message is longer than ${limit} bytes`);
    const [first = Buffer.alloc(0)] = chunks;
    const body = chunks.length === 1 ? first : Buffer.concat(chunks, length);
    if (body[0] === 1) return end(stream, UNIMPLEMENTED, "compressed messages are not taken");
    if (body.length < PREFIX || body.readUInt32BE(1) !== body.length - PREFIX) {
      return end(stream, INTERNAL, "a call is not one whole message");
    }
    then(body.subarray(PREFIX));
  });
}

function answer(stream: ServerHttp2Stream, method: Method, message: Uint8Array): void {
  let made: Uint8Array;
  try {
    made = method(message);
  } catch (error) {
    end(stream, INTERNAL, error instanceof Error ? error.message : String(error));
    return;
  }
  const framed = Buffer.allocUnsafe(PREFIX + made.length);
  framed[0] = 0;
  framed.writeUInt32BE(made.length, 1);
  framed.set(made, PREFIX);
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": OK }));
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.end(framed);
}

const HEADERS = { [constants.HTTP2_HEADER_STATUS]: 200, [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc" };

/** Ends a call without a message. */
function end(stream: ServerHttp2Stream, code: number, detail: string): void {
  // The client may be gone by now.
  if (stream.destroyed || stream.headersSent) return;
  const said = encodeURI(Buffer.from(detail.slice(0, DETAIL_LENGTH / 9)).toString());
  stream.respond({ ...HEADERS, "grpc-status": code, "grpc-message": said }, { endStream: true });
}
