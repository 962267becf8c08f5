/** Files behind descriptors: read from their beginning, written from it, digested. */
import { createHash } from "node:crypto";
import { fstat, read, write } from "node:fs";
import { promisify } from "node:util";

const readAt = promisify(read);
const writeAt = promisify(write);
const stat = promisify(fstat);
const CHUNK = 1 << 20;

/** etcd ends a snapshot with the SHA-256 of all before it. */
const CHECKSUM = 32;

/** The first `length` bytes; several readers of one descriptor do not disturb each other. */
export async function* bytesOf(file: number, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; ) {
    const chunk = Buffer.alloc(Math.min(CHUNK, length - at));
    const { bytesRead } = await readAt(file, chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new Error("the file ended early");
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/** Writes from the beginning; returns how much, and its SHA-256. */
export async function fill(
  file: number,
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await writeAt(file, chunk, done, chunk.length - done, bytes);
      done += bytesWritten;
      bytes += bytesWritten;
    }
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** SHA-256 of all of it, hex. */
export async function digest(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}

/** Length of a snapshot behind a descriptor; throws unless it ends with its own checksum. */
export async function soundLength(file: number): Promise<number> {
  const { size } = await stat(file);
  if (size <= CHECKSUM) throw new Error(`the snapshot is damaged: it has ${size} bytes`);
  const end = Buffer.alloc(CHECKSUM);
  await readAt(file, end, 0, CHECKSUM, size - CHECKSUM);
  const sum = await digest(bytesOf(file, size - CHECKSUM));
  if (sum !== end.toString("hex")) throw new Error("the snapshot is damaged: it does not match etcd's checksum");
  return size;
}
