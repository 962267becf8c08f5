/** A store that is a bucket of any S3-compatible server, addressed by path. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { AwsClient } from "aws4fetch";
import type { S3Place } from "../../components/backup/spec";
import { sleep } from "../wait";
import { type Content, PROBE, type Store, StoreError } from "./store";

/** Who asks. The keys are secret. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

const PATH = "backup.store.s3";
const ATTEMPTS = 4;
const PAUSE_MS = 500;
/** Longest wait for an answer, and for the transfer of a large file, in milliseconds. */
const ANSWER_MS = 30_000;
const TRANSFER_MS = 1_800_000;
/** Largest object that S3 takes in one piece. */
const LARGEST = 5 * 2 ** 30;

interface Request {
  readonly method: "GET" | "PUT" | "HEAD" | "DELETE";
  /** Key below the prefix; none for the bucket itself. */
  readonly name?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly content?: Content;
  readonly ms?: number;
}

export function s3Store(place: S3Place, credentials: S3Credentials): Store {
  const { bucket, prefix, region = "us-east-1", endpoint = `https://s3.${region}.amazonaws.com` } = place;
  const folder = prefix === undefined ? "" : `${prefix}/`;
  const where = `s3://${bucket}/${folder}`.replace(/\/$/, "");
  const host = new URL(endpoint).host;
  const client = new AwsClient({
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken }),
    service: "s3",
    region,
    retries: 0,
  });

  const attempt = async (request: Request, signal: AbortSignal): Promise<Response> => {
    const { method, name, query = {}, content } = request;
    const path = name === undefined ? "" : `/${`${folder}${name}`.split("/").map(encodeURIComponent).join("/")}`;
    const url = `${new URL(endpoint).origin}/${bucket}${path}?${new URLSearchParams(query)}`.replace(/\?$/, "");
    // The digest is signed along: the server itself refuses what arrives damaged.
    const digest = content?.sha256 ?? createHash("sha256").digest("hex");
    const { headers } = await client.sign(url, { method, headers: { "x-amz-content-sha256": digest } });
    if (content !== undefined) headers.set("content-length", String(content.bytes));
    const body = content === undefined ? {} : { body: Readable.toWeb(Readable.from(content.open())), duplex: "half" };
    return fetch(url, { method, headers, signal, redirect: "error", ...body } as RequestInit);
  };

  /** The answer, good or bad. An answer that never came, or that the server calls passing, is asked for again. */
  const ask = async (request: Request, signal: AbortSignal): Promise<Response> => {
    for (let tried = 1; ; tried++) {
      signal.throwIfAborted();
      const bound = AbortSignal.any([signal, AbortSignal.timeout(request.ms ?? ANSWER_MS)]);
      let reason: string;
      try {
        const answer = await attempt(request, bound);
        if (answer.status < 500 && answer.status !== 429) return answer;
        reason = await explain(answer);
      } catch (error) {
        signal.throwIfAborted();
        reason = network(error);
      }
      if (tried === ATTEMPTS) throw new StoreError(`${where} at ${host}: ${reason}`);
      await sleep(PAUSE_MS * 2 ** (tried - 1), signal);
    }
  };

  /** A good answer. */
  const demand = async (request: Request, signal: AbortSignal): Promise<Response> => {
    const answer = await ask(request, signal);
    if (answer.ok) return answer;
    throw new StoreError(`${where} at ${host}: ${await explain(answer)}`);
  };

  const put = async (name: string, content: Content, signal: AbortSignal): Promise<void> => {
    await drain(await demand({ method: "PUT", name, content, ms: TRANSFER_MS }, signal));
  };

  const store: Store = {
    where,
    async check(bytes, signal) {
      if (bytes > LARGEST) {
        const reason = "a snapshot of more than 5 GiB cannot be sent in one piece";
        return [{ path: PATH, reason, fix: "defragment etcd (talosctl etcd defrag), or use a store with a path" }];
      }
      try {
        await store.list("", signal);
        await put(PROBE, probe, signal);
        for await (const _ of await store.get(PROBE, signal));
        // A bucket that keeps what it has for a while is a good place for backups: only pruning has to wait.
        await drain(await ask({ method: "DELETE", name: PROBE }, signal));
        return [];
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        const fix = "check endpoint, bucket, region, and the rights of the key: list, read and write objects";
        return [{ path: PATH, reason: error.message, fix }];
      }
    },
    async list(begin, signal) {
      const names: string[] = [];
      for (let token: string | undefined = ""; token !== undefined; ) {
        const query = { "list-type": "2", "encoding-type": "url", prefix: `${folder}${begin}` };
        const page = token === "" ? query : { ...query, "continuation-token": token };
        const text: string = await (await demand({ method: "GET", query: page }, signal)).text();
        names.push(...elements(text, "Key").map((key) => decodeURIComponent(key.replaceAll("+", " "))));
        token = elements(text, "NextContinuationToken").map(unescaped)[0];
      }
      return names
        .map((name) => name.slice(folder.length))
        .filter((name) => !name.includes("/"))
        .sort();
    },
    async put(name, content, signal) {
      const there = await ask({ method: "HEAD", name }, signal);
      if (there.ok) throw new StoreError(`${where} has a file ${name} already (run the same command again)`);
      await put(name, content, signal);
    },
    async get(name, signal) {
      const { body } = await demand({ method: "GET", name, ms: TRANSFER_MS }, signal);
      if (body === null) throw new StoreError(`${where} at ${host}: an answer without the file`);
      return body;
    },
    async remove(name, signal) {
      await drain(await demand({ method: "DELETE", name }, signal));
    },
  };
  return store;
}

const probe: Content = {
  bytes: 1,
  sha256: createHash("sha256").update("1").digest("hex"),
  async *open() {
    yield Buffer.from("1");
  },
};

/** Contents of all elements of a name; S3's answers nest none in one of the same name. */
function elements(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map((match) => match[1] ?? "");
}

const ENTITIES: { readonly [entity: string]: string } = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, entity: string) => ENTITIES[entity] ?? "");
}

const MEANINGS: { readonly [code: string]: string } = {
  AccessDenied: "the key may not do this",
  InvalidAccessKeyId: "the access key is not known there",
  SignatureDoesNotMatch: "the secret key does not belong to the access key, or the region is another",
  NoSuchBucket: "there is no such bucket",
  NoSuchKey: "there is no such file",
  RequestTimeTooSkewed: "the clock of this computer is wrong",
};

/** What an unfriendly answer means. */
async function explain(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => "");
  const [code = ""] = elements(text, "Code");
  const meaning = MEANINGS[code] ?? elements(text, "Message")[0] ?? answer.statusText;
  return `${meaning} (${[answer.status, code].filter(Boolean).join(" ")})`;
}

/** Why there was no answer: fetch hides it in the cause. */
function network(error: unknown): string {
  const { name, message, cause } = error as { name?: string; message?: string; cause?: { message?: string } };
  return name === "TimeoutError" ? "no answer in time" : cause?.message || message || String(error);
}

/** An answer that is not read keeps its connection. */
async function drain(answer: Response): Promise<void> {
  await answer.arrayBuffer();
}
