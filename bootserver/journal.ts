import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

/** The file below a journal; tests hand in one that fails. */
export interface Storage {
  write(data: Buffer): Promise<unknown>;
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** What a journal held when it was opened. */
export interface Opened {
  readonly journal: Journal;
  /** In the order in which they were appended. */
  readonly entries: readonly unknown[];
  /** Part of the file could not be read: the last moment of a crash, or a damaged disk. */
  readonly damaged: boolean;
}

interface Waiting {
  readonly line: Buffer;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * An append-only file of JSON lines, each behind its checksum. An entry that was acknowledged is on the disk; whatever
 * comes while the disk is busy goes with the next write, so a thousand at once cost a few.
 */
export class Journal {
  private waiting: Waiting[] = [];
  private busy: Promise<void> | undefined;
  private broken: Error | undefined;

  constructor(
    private readonly storage: Storage,
    private length: number,
  ) {}

  /**
   * Opens the journal at `file`, after putting it in order: what a crash left half written at its end is cut off.
   * `compact` may say what to keep instead of everything.
   */
  static async open(file: string, compact: (entries: readonly unknown[]) => readonly unknown[]): Promise<Opened> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    const { entries, damaged } = read(bytes);
    const kept = Buffer.concat(compact(entries).map(lineOf));
    if (!kept.equals(bytes)) await replace(file, kept);
    const handle = await open(file, "a", 0o600);
    await syncFolder(dirname(file));
    const storage: Storage = {
      write: (data) => handle.appendFile(data),
      datasync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    };
    return { journal: new Journal(storage, kept.length), entries, damaged };
  }

  /** Resolves when the entry is on the disk; rejects when it is not, and will not be. */
  append(entry: unknown): Promise<void> {
    if (this.broken !== undefined) return Promise.reject(this.broken);
    const stored = new Promise<void>((done, failed) => this.waiting.push({ line: lineOf(entry), done, failed }));
    this.busy ??= this.drain();
    return stored;
  }

  /** Stores what waits, then lets go of the file. */
  async close(): Promise<void> {
    await this.busy;
    this.broken = new Error("the journal is closed");
    await this.storage.close();
  }

  private async drain(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.store(Buffer.concat(batch.map(({ line }) => line)));
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error as Error);
      }
    }
    this.busy = undefined;
  }

  private async store(data: Buffer): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    try {
      await this.storage.write(data);
      await this.storage.datasync();
      this.length += data.length;
    } catch (error) {
      const why = new Error(`the journal cannot be written (${(error as Error).message})`);
      // What is there of it must not stand in front of the next entry.
      await this.storage
        .truncate(this.length)
        .then(
          () => this.storage.datasync(),
          () => Promise.reject(),
        )
        .catch(() => {
          this.broken = why;
        });
      throw why;
    }
  }
}

function lineOf(entry: unknown): Buffer {
  const text = JSON.stringify(entry);
  return Buffer.from(`${checksum(text)} ${text}\n`);
}

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, "0");

/** Every whole line up to the first that is not. */
function read(bytes: Buffer): { readonly entries: readonly unknown[]; readonly damaged: boolean } {
  const entries: unknown[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start);
    const line = bytes.toString("utf8", start, end < 0 ? bytes.length : end);
    if (end < 0 || line.slice(0, 8) !== checksum(line.slice(9))) return { entries, damaged: true };
    entries.push(JSON.parse(line.slice(9)));
    start = end + 1;
  }
  return { entries, damaged: false };
}

/** The whole file anew: the old one or the new one is there, whenever the power goes. */
async function replace(file: string, content: Buffer): Promise<void> {
  const draft = await open(`${file}.new`, "w", 0o600);
  try {
    await draft.writeFile(content);
    await draft.sync();
  } finally {
    await draft.close();
  }
  await rename(`${file}.new`, file);
  await syncFolder(dirname(file));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
