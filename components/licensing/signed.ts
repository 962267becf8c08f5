/**
 * Signed documents: compact JWS with EdDSA and one spelling. Whatever could be written in two ways is refused, so that
 * a document that differs in a single bit from what was signed is never taken for it.
 */
import { sign as ed25519, type KeyObject, verify } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "./canonical";
import { type KeyRing, keyId } from "./keys";

/** Why a document is not accepted: by whom it is signed, that it was altered, or that it is none. */
export class NotSigned extends Error {
  constructor(
    readonly state: "malformed" | "unknown-key" | "altered",
    reason: string,
  ) {
    super(reason);
  }
}

const header = z.strictObject({ alg: z.string(), kid: z.string(), typ: z.string() });

/** What {@link open} needs to know. */
interface Expected {
  /** Media type, as in `plinth-licence+jws`: a signed list is no licence. */
  readonly type: string;
  readonly keys: KeyRing;
  /** Length in characters above which nothing is read. */
  readonly longest: number;
}

/** What was signed and when its key ends; the content is still to be checked. @throws NotSigned */
export function open(
  text: string,
  { type, keys, longest }: Expected,
): { readonly payload: unknown; readonly until?: number } {
  if (text === "") throw new NotSigned("malformed", "it is empty");
  if (text.length > longest)
    throw new NotSigned("malformed", `it has ${text.length} characters, and none has more than ${longest}`);
  const parts = text.split(".");
  if (parts.length !== 3) throw new NotSigned("malformed", `it has ${parts.length} of 3 parts: was it cut off?`);
  const [head, body, signature] = parts.map(bytes) as [Buffer, Buffer, Buffer];
  const { alg, kid, typ } = readHeader(head.toString());
  if (alg !== "EdDSA") throw new NotSigned("malformed", `it is signed with ${word(alg)}, and only EdDSA is accepted`);
  if (typ !== type) throw new NotSigned("malformed", `it is a ${word(typ)}, not a ${type}`);
  if (signature.length !== 64) throw new NotSigned("malformed", `its signature has ${signature.length} of 64 bytes`);
  const trusted = keys.get(kid);
  if (trusted === undefined)
    throw new NotSigned("unknown-key", `it is signed by the key ${word(kid)}, which is not trusted here`);
  // Not jose: it verifies in another thread, and a plan is made in one go. What it says is the same, a test shows.
  const good = verify(null, Buffer.from(text.slice(0, text.lastIndexOf("."))), trusted.key, signature);
  if (!good) throw new NotSigned("altered", "its content is not what was signed");
  return { payload: readPayload(body.toString()), ...(trusted.until !== undefined && { until: trusted.until }) };
}

/** Something that holds an Ed25519 key: in memory, or far away where nobody can read it. */
export interface Signer {
  /** The public half, 32 bytes in base64url. */
  readonly x: string;
  /** The 64 bytes of a signature. */
  sign(data: Buffer): Promise<Buffer>;
}

/** A signer whose key is at hand. */
export function localSigner(key: KeyObject, x: string): Signer {
  return { x, sign: async (data) => ed25519(null, data, key) };
}

/** Signs a document. Not by jose, which wants the key itself; that jose takes what comes out, a test shows. */
export async function sign(payload: unknown, type: string, signer: Signer): Promise<string> {
  const head = { alg: "EdDSA", kid: keyId(signer.x), typ: type };
  const input = [head, payload].map((part) => Buffer.from(canonicalJson(part)).toString("base64url")).join(".");
  return `${input}.${(await signer.sign(Buffer.from(input))).toString("base64url")}`;
}

function bytes(part: string): Buffer {
  const read = Buffer.from(part, "base64url");
  if (read.length === 0 || read.toString("base64url") !== part)
    throw new NotSigned("malformed", "it is not written in base64url: was it copied whole?");
  return read;
}

function readHeader(text: string): z.output<typeof header> {
  const parsed = header.safeParse(json(text));
  if (!parsed.success) throw new NotSigned("malformed", "its header is not one of plinth's");
  if (canonicalJson(parsed.data) !== text) throw new NotSigned("malformed", "its header is not in canonical form");
  return parsed.data;
}

function readPayload(text: string): unknown {
  const payload = json(text);
  try {
    if (canonicalJson(payload) === text) return payload;
  } catch {
    // Nested more deeply than anything can be written.
  }
  throw new NotSigned("malformed", "its content is not in canonical form: a key stands twice, or out of order");
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NotSigned("malformed", "its content is not JSON");
  }
}

/** What a stranger wrote, as far as it can stand in a message. */
function word(text: string): string {
  return /^[\w+.-]{1,64}$/.test(text) ? text : "something unreadable";
}
