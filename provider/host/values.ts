/** Between the engine's property values on the wire and plain, typed values. */
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { unknown } from "../draft";

/** Marks an object on the wire that stands for something else. */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
/** The mark of a secret. */
export const SECRET = "1b47061264138c4ac30d75fd1eb44270";
/** One sentinel per kind of value; a resource only ever sends the one for text. */
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** What stands on the wire for values that are not known yet. */
export const UNKNOWNS: ReadonlySet<string> = new Set([
  UNKNOWN_TEXT,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** Properties as a resource sees them, and what was secret about them. */
export interface Decoded {
  /** Unwrapped; unknown parts are the `unknown` symbol; null and absent are the same. */
  readonly value: { readonly [key: string]: unknown };
  /** Top-level names that are secret, or hold something secret. */
  readonly secretKeys: ReadonlySet<string>;
  /** Every text inside a secret, for the redactor. */
  readonly secretTexts: readonly string[];
}

export function decode(struct: Struct | undefined): Decoded {
  const secretKeys = new Set<string>();
  const secretTexts: string[] = [];
  const value: { [key: string]: unknown } = {};
  for (const [key, wire] of Object.entries(struct?.toJavaScript() ?? {})) {
    const plain = unwrap(wire, false, () => secretKeys.add(key), secretTexts);
    if (plain !== undefined) value[key] = plain;
  }
  return { value, secretKeys, secretTexts };
}

function unwrap(wire: unknown, secret: boolean, onSecret: () => void, texts: string[]): unknown {
  if (wire === null || wire === undefined) return undefined;
  if (typeof wire === "string") {
    if (UNKNOWNS.has(wire)) return unknown;
    if (secret) texts.push(wire);
    return wire;
  }
  if (typeof wire !== "object") return wire;
  if (Array.isArray(wire)) return wire.map((item) => unwrap(item, secret, onSecret, texts) ?? null);
  const marked = wire as { readonly [key: string]: unknown };
  if (SIGNATURE in marked) {
    if (marked[SIGNATURE] !== SECRET) throw new Error("assets, archives and resource references are not accepted here");
    onSecret();
    return unwrap(marked.value, true, onSecret, texts);
  }
  // A loop, not a chain: a site of hundreds of machines is one resource, read at every call.
  const kept: [string, unknown][] = [];
  for (const key of Object.keys(marked)) {
    const item = unwrap(marked[key], secret, onSecret, texts);
    if (item !== undefined) kept.push([key, item]);
  }
  return Object.fromEntries(kept);
}

/** Plain values for the engine: named keys wrapped whole as secrets, unknown parts as its sentinel. */
export function encode(value: { readonly [key: string]: unknown }, secretKeys: ReadonlySet<string>): Struct {
  const wire: { [key: string]: ReturnType<typeof plain> } = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const encoded = plain(item);
    wire[key] = secretKeys.has(key) && item !== unknown ? { [SIGNATURE]: SECRET, value: encoded } : encoded;
  }
  return Struct.fromJavaScript(wire);
}

type Json = null | number | string | boolean | Json[] | { [key: string]: Json };

function plain(value: unknown): Json {
  if (value === unknown) return UNKNOWN_TEXT;
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object") throw new Error(`a ${typeof value} cannot be stored`);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, plain(item)]),
  );
}
