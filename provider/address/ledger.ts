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

/**
 * The static pools of this host's stacks. A static pool knows only its own claims, so two stacks that give addresses
 * from the same range would give the same ones.
 */
export interface Ledger {
  entries(): Promise<readonly Located[]>;
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
    async entries() {
      const names = await readdir(directory).catch(() => []);
      const files = names.filter((name) => name.endsWith(".json")).map((name) => join(directory, name));
      const entries = await Promise.all(files.map(readEntry));
      return entries.flatMap((entry) => entry ?? []);
    },
    async enter(entry) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const file = fileOf(entry);
      const draft = `${file}.${process.pid}`;
      await writeFile(draft, JSON.stringify(entry), { mode: 0o600 });
      await rename(draft, file);
    },
    async leave(entry) {
      await rm(fileOf(entry), { force: true });
    },
  };
}

/** An entry that another run removes at this moment is none. */
async function readEntry(file: string): Promise<Located | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = entrySchema.safeParse(JSON.parse(text));
  return parsed.success ? { ...parsed.data, file } : undefined;
}
