import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { stateDirectory } from "../state";

/**
 * What this host knows of an order: noted before it is sent, and with the server's id as soon as there is one. A list of
 * the vendor may not show a new server at once; the note of a run that was killed meanwhile does.
 */
const orderNote = z.object({
  /** When it was sent, in milliseconds since 1970. */
  at: z.number(),
  id: z.string().optional(),
});
export type OrderNote = z.infer<typeof orderNote>;

/** Notes by project and host name. */
export interface OrderNotes {
  read(name: string): Promise<OrderNote | undefined>;
  /** Resolves when it is on the disk. */
  write(name: string, note: OrderNote): Promise<void>;
  forget(name: string): Promise<void>;
}

/** Notes in the host's state folder. One that cannot be read counts as none: the vendor is asked in any case. */
export function fileNotes(): OrderNotes {
  const fileOf = (name: string) =>
    join(stateDirectory(), "latitude", `${createHash("sha256").update(name).digest("hex").slice(0, 32)}.json`);
  return {
    async read(name) {
      try {
        return orderNote.safeParse(JSON.parse(await readFile(fileOf(name), "utf8"))).data;
      } catch {
        return undefined;
      }
    },
    async write(name, note) {
      const file = fileOf(name);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const draft = `${file}.${process.pid}`;
      const handle = await open(draft, "w", 0o600);
      try {
        await handle.writeFile(JSON.stringify(note));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
    },
    forget: (name) => rm(fileOf(name), { force: true }),
  };
}
