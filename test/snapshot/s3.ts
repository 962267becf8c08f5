import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** Who may ask. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
/** What S3 calls URI encoding. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);

/** What of a request is signed. */
export interface Signed {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Signature of a request by the published rules (AWS Signature Version 4), made here without the client's library. */
export function signature({ method, url, headers }: Signed, secret: string): string {
  const { pathname, searchParams } = new URL(url, "http://s3");
  const [, scope = "", names = ""] =
    /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+)/.exec(String(headers.authorization)) ?? [];
  const [day = "", region = "", service = ""] = scope.split("/");
  const query = [...searchParams].map(([key, value]) => `${encoded(key)}=${encoded(value)}`).sort();
  const lines = names.split(";").map(
    (name) =>
      `${name}:${String(headers[name] ?? "")
        .trim()
        .replace(/ +/g, " ")}\n`,
  );
  const path = pathname
    .split("/")
    .map((part) => encoded(decodeURIComponent(part)))
    .join("/");
  const canonical = [method, path, query.join("&"), lines.join(""), names, headers["x-amz-content-sha256"]].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = [region, service, "aws4_request"].reduce(hmac, hmac(`AWS4${secret}`, day));
  return hmac(key, toSign).toString("hex");
}

/** An S3 server in memory: one bucket, addressed by path; refuses what is not signed as it must be. */
export class S3Server {
  readonly objects = new Map<string, Buffer>();
  /** Requests as `METHOD key`, oldest first. */
  readonly requests: string[] = [];
  /** Answers to the next requests instead of the real ones: a status, or `cut` for a connection that breaks. */
  readonly faults: (number | "cut")[] = [];
  /** Keys that may not be deleted or replaced, as a bucket with a retention rule has. */
  retains = false;
  /** Objects come back with one bit changed. */
  damages = false;
  private server: Server | undefined;
  endpoint = "";

  constructor(
    readonly bucket: string,
    private readonly keys: Keys,
  ) {}

  async start(): Promise<this> {
    this.server = createServer((request, response) => void this.serve(request, response));
    await new Promise<void>((resolve) => this.server?.listen(0, "127.0.0.1", resolve));
    const address = this.server.address();
    this.endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    return this;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://s3");
    const [, bucket, ...rest] = pathname.split("/").map(decodeURIComponent);
    const key = rest.join("/");
    this.requests.push(`${request.method} ${key}`);
    const fault = this.faults.shift();
    if (fault === "cut") return void request.socket.destroy();
    const answer = (status: number, data: string | Buffer = ""): void => {
      response.writeHead(status, { "content-length": Buffer.byteLength(data) });
      response.end(request.method === "HEAD" ? undefined : data);
    };
    const fail = (status: number, code: string): void =>
      answer(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    if (fault !== undefined) return fail(fault, fault === 507 ? "XMinioStorageFull" : "SlowDown");
    const refused = this.refuses(request, body);
    if (refused !== undefined) return fail(403, refused);
    if (bucket !== this.bucket) return fail(404, "NoSuchBucket");
    if (request.method === "PUT") {
      if (request.headers["content-length"] === undefined) return fail(411, "MissingContentLength");
      if (this.retains && this.objects.has(key)) return fail(403, "AccessDenied");
      this.objects.set(key, body);
      return answer(200);
    }
    if (request.method === "DELETE") {
      if (this.retains) return fail(403, "AccessDenied");
      this.objects.delete(key);
      return answer(204);
    }
    if (key === "") return answer(200, this.page(searchParams));
    const object = this.objects.get(key);
    if (object === undefined) return fail(404, "NoSuchKey");
    const sent = Buffer.from(object);
    if (this.damages && sent.length > 0) sent[0] = (sent[0] ?? 0) ^ 1;
    answer(200, sent);
  }

  /** Why the request is refused, in S3's words. */
  private refuses({ method = "", url = "", headers }: IncomingMessage, body: Buffer): string | undefined {
    const { authorization = "" } = headers;
    const [, id, given] = /Credential=([^/]+)\/.*Signature=([0-9a-f]{64})/.exec(authorization) ?? [];
    if (id === undefined) return "AccessDenied";
    if (id !== this.keys.accessKeyId) return "InvalidAccessKeyId";
    if (given !== signature({ method, url, headers }, this.keys.secretAccessKey)) return "SignatureDoesNotMatch";
    const date = String(headers["x-amz-date"]).replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z");
    if (Math.abs(Date.now() - Date.parse(date)) > 900_000) return "RequestTimeTooSkewed";
    return headers["x-amz-content-sha256"] === sha256(body) ? undefined : "XAmzContentSHA256Mismatch";
  }

  /** ListObjectsV2, two keys a page. */
  private page(query: URLSearchParams): string {
    const after = query.get("continuation-token") ?? "";
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get("prefix") ?? "") && key > after)
      .sort();
    const shown = keys.slice(0, 2);
    const more = keys.length > 2 ? `<NextContinuationToken>${shown.at(-1)}</NextContinuationToken>` : "";
    const contents = shown.map((key) => `<Contents><Key>${encoded(key)}</Key></Contents>`).join("");
    return `<?xml version="1.0"?><ListBucketResult>${contents}${more}</ListBucketResult>`;
  }
}
