/** A store that is a folder of this computer. */
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Problem } from "../../components/problem";
import { type Content, PROBE, type Store, StoreError } from "./store";

const PATH = "backup.store.path";
/** What a kill in the middle of a write leaves; a write a day later removes it. */
const PART = ".part";
const DAY_MS = 86_400_000;

export function folderStore(folder: string): Store {
  const at = (name: string): string => join(folder, name);
  return {
    where: folder,
    async check(bytes, signal) {
      try {
        await make(folder);
        const { bavail, bsize } = await statfs(folder);
        const free = bavail * bsize;
        if (free < bytes) return [full(folder, free, bytes)];
        await rm(at(PROBE), { force: true });
        await write(folder, PROBE, probe, signal);
        await rm(at(PROBE), { force: true });
        return [];
      } catch (error) {
        signal.throwIfAborted();
        return [unwritable(folder, error)];
      }
    },
    async list(prefix) {
      try {
        const names = await readdir(folder);
        return names.filter((name) => name.startsWith(prefix) && !name.endsWith(PART)).sort();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw failure(folder, error);
      }
    },
    async put(name, content, signal) {
      try {
        await make(folder);
        await sweep(folder);
        await write(folder, name, content, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw failure(folder, error);
      }
    },
    async get(name, signal) {
      let handle: FileHandle;
      try {
        handle = await open(at(name), "r");
      } catch (error) {
        throw failure(folder, error);
      }
      return createReadStream("", { fd: handle, signal });
    },
    async remove(name) {
      await rm(at(name), { force: true });
    },
  };
}

const probe: Content = {
  bytes: 1,
  sha256: "",
  async *open() {
    yield Buffer.from("1");
  },
};

/** The folder itself, never one above it: where a share is not mounted its mount point may be missing as well. */
async function make(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw Object.assign(new Error(`${dirname(folder)} is missing`), { code: "NOPARENT" });
    if (code !== "EEXIST") throw error;
  }
}

/** Under another name first, then on disk, then under its own: no reader ever sees half a file. */
async function write(folder: string, name: string, content: Content, signal: AbortSignal): Promise<void> {
  const part = join(folder, `.${name}${PART}`);
  if (await exists(join(folder, name))) throw Object.assign(new Error("it exists"), { code: "EEXIST" });
  await rm(part, { force: true });
  try {
    const file = await open(part, "wx", 0o600);
    try {
      for await (const chunk of content.open()) {
        signal.throwIfAborted();
        await file.writeFile(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, join(folder, name));
  } finally {
    await rm(part, { force: true });
  }
  const parent = await open(folder, "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** Others may be writing here now: what was touched since yesterday is left alone. */
async function sweep(folder: string): Promise<void> {
  const parts = (await readdir(folder)).filter((name) => name.startsWith(".") && name.endsWith(PART));
  for (const name of parts) {
    const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > DAY_MS) await rm(join(folder, name), { force: true });
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

function failure(folder: string, error: unknown): StoreError {
  const problem = unwritable(folder, error);
  return new StoreError(`${problem.reason} (${problem.fix})`);
}

const REASONS: { readonly [code: string]: readonly [reason: string, fix: string] } = {
  ENOSPC: ["is full", "make room, or name another store"],
  EDQUOT: ["is full: the quota is used up", "make room, or name another store"],
  EACCES: ["may not be written", "give the user who runs plinth write access, or name another store"],
  EPERM: ["may not be written", "give the user who runs plinth write access, or name another store"],
  EROFS: ["is read-only", "mount it writable, or name another store"],
  ENOTDIR: ["is not a folder", "name a folder"],
  ENOENT: ["has no such file", "look with plinth etcd list which snapshots there are"],
  NOPARENT: ["cannot be made: the folder above it is missing", "mount the share, or make the folder above it"],
  EEXIST: ["has a file of that name already", "run the same command again"],
};

function unwritable(folder: string, error: unknown): Problem {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const [reason, fix] = REASONS[code] ?? [`cannot be used: ${message}`, "mend it, or name another store"];
  return { path: PATH, reason: `${folder} ${reason}`, fix };
}

function full(folder: string, free: number, needed: number): Problem {
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return {
    path: PATH,
    reason: `${folder} is full: ${mib(free)} are free and a snapshot needs ${mib(needed)}`,
    fix: "make room, or name another store",
  };
}
