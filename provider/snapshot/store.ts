/** Where snapshots are kept, as this side of it sees them: files by name in one place. */
import type { Problem } from "../../components/problem";

/** What is to be written; read as often as it takes. */
export interface Content {
  readonly bytes: number;
  /** SHA-256, hex. */
  readonly sha256: string;
  /** From its beginning. */
  open(): AsyncIterable<Uint8Array>;
}

/** Every call ends with its signal. A file is there whole or not at all, whatever happens while it is written. */
export interface Store {
  /** For people: a folder, or `s3://bucket/prefix`. */
  readonly where: string;
  /** Why `bytes` more cannot be written now; writes and removes a probe. Empty if nothing stands against it. */
  check(bytes: number, signal: AbortSignal): Promise<readonly Problem[]>;
  /** Names of files that begin with the prefix, in order. */
  list(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Refused with an error when a file of that name exists. */
  put(name: string, content: Content, signal: AbortSignal): Promise<void>;
  get(name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Does nothing if there is none. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

/** The store cannot be used; the message is for a person. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** Name of the file that a check writes. */
export const PROBE = ".plinth-probe";
