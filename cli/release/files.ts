/** Files that are whole or not there, whenever the power goes. */
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file in the place of the one before. @param mode who may read it; by default as for any new file */
export function writeWhole(file: string, content: Buffer | string, mode?: number): void {
  const draft = `${file}.plinth-new`;
  // Its content may be nobody's business from the first byte on.
  writeFileSync(draft, content, mode === undefined ? {} : { mode: 0o600 });
  if (mode !== undefined) chmodSync(draft, mode & 0o7777);
  moveWhole(draft, file);
}

/** Moves a file once its content is on the disk: a rename alone may outlive what it names. */
export function moveWhole(from: string, to: string): void {
  onDisk(from);
  renameSync(from, to);
  try {
    onDisk(dirname(to));
  } catch {
    // Not every file system knows that of a folder.
  }
}

function onDisk(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
