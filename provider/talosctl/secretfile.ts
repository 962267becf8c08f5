import { randomUUID } from "node:crypto";
import { accessSync, closeSync, constants, openSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A readable file descriptor with a secret text behind it that has no name any more: a child gets it as a descriptor
 * and opens `/dev/fd/N`. Written in memory where the system has such a folder, and unlinked before anybody runs, so
 * that neither a crash nor a kill leaves it behind. The caller closes it.
 */
export function openSecret(text: string): number {
  const file = join(memoryFolder(), `.plinth-${randomUUID()}`);
  const writer = openSync(file, "wx", 0o600);
  try {
    try {
      writeFileSync(writer, text);
      return openSync(file, "r");
    } finally {
      rmSync(file, { force: true });
    }
  } finally {
    closeSync(writer);
  }
}

/**
 * An empty file without a name, to be written and read through its descriptor: nothing of it is left once the last
 * process that holds it is gone, however it ends. In memory where there is room for `bytes`. The caller closes it.
 */
export function openNameless(bytes: number): number {
  const memory = memoryFolder();
  const { bavail, bsize } = statfsSync(memory);
  // Half of what is free: the machine needs the rest.
  const file = join(bavail * bsize > 2 * bytes ? memory : tmpdir(), `.plinth-${randomUUID()}`);
  const descriptor = openSync(file, "wx+", 0o600);
  rmSync(file, { force: true });
  return descriptor;
}

function memoryFolder(): string {
  for (const folder of [process.env.XDG_RUNTIME_DIR, "/dev/shm"]) {
    if (folder === undefined || folder === "") continue;
    try {
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      // Not here: the next one.
    }
  }
  return tmpdir();
}
