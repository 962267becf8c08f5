import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { stateDirectory } from "../state";

const entrySchema = z.object({
  stack: z.string(),
  site: z.string(),
  vrf: z.string(),
  pool: z.string(),
  /** As written: `10.0.3.4-10.0.3.20`. */
  range: z.string(),
});

/** A static pool that a stack on this host has. */
export type LedgerEntry = z.infer<typeof entrySchema>;

/** An entry and where it is written down. */
export interface Located extends LedgerEntry {
  readonly file: string;
}

/** A file of the ledger that is no entry: empty or half-written, as a full disk or a lost power leaves it. */
export interface Broken {
  readonly file: string;
  readonly broken: string;
}

/**
 * The static pools of this host's stacks. A static pool knows only its own claims, so two stacks that give addresses
 * from the same range would give the same ones.
 */
export interface Ledger {
  entries(): Promise<readonly (Located | Broken)[]>;
  /** Where an entry is written down, or would be. */
  fileOf(entry: LedgerEntry): string;
  enter(entry: LedgerEntry): Promise<void>;
  leave(entry: LedgerEntry): Promise<void>;
}

/** Whether two entries speak of the same pool of the same stack. */
export function samePool(a: LedgerEntry, b: LedgerEntry): boolean {
  return a.stack === b.stack && a.site === b.site && a.vrf === b.vrf && a.pool === b.pool;
}

/** A ledger of one small file a pool, below the host's state directory. */
export function fileLedger(directory = join(stateDirectory(), "static-pools")): Ledger {
  const fileOf = ({ stack, site, vrf, pool }: LedgerEntry) => {
    const name = createHash("sha256")
      .update(JSON.stringify([stack, site, vrf, pool]))
      .digest("hex");
    return join(directory, `${name}.json`);
  };
  return {
    fileOf,
    async entries() {
      const names = await readdir(directory).catch(unlessAbsent([]));
      const files = names.filter((name) => name.endsWith(".json")).map((name) => join(directory, name));
      const entries = await Promise.all(files.map(readEntry));
      return entries.flatMap((entry) => entry ?? []);
    },
    async enter(entry) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const file = fileOf(entry);
      const draft = `${file}.${process.pid}`;
      try {
        // On disk before it has its name: nobody, and no power cut, finds half an entry there.
        await writeFile(draft, JSON.stringify(entrySchema.parse(entry)), { mode: 0o600, flush: true });
        await rename(draft, file);
      } finally {
        await rm(draft, { force: true });
      }
    },
    async leave(entry) {
      await rm(fileOf(entry), { force: true });
    },
  };
}

/** An entry that another run removes at this moment is none. */
async function readEntry(file: string): Promise<Located | Broken | undefined> {
  const text = await readFile(file, "utf8").catch(unlessAbsent(undefined));
  if (text === undefined) return undefined;
  try {
    return { ...entrySchema.parse(JSON.parse(text)), file };
  } catch {
    return { file, broken: text.trim() === "" ? "is empty" : "is not an entry of a pool" };
  }
}

function unlessAbsent<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return instead;
    throw error;
  };
}
