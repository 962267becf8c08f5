/** Files that are whole or not there, whenever the power goes. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file in the place of the one before. */
export function writeWhole(file: string, content: Buffer | string): void {
  const draft = `${file}.new`;
  writeFileSync(draft, content);
  moveWhole(draft, file);
}

/** Moves a file once its content is on the disk: a rename alone may outlive what it names. */
export function moveWhole(from: string, to: string): void {
  onDisk(from);
  renameSync(from, to);
  onDisk(dirname(to));
}

function onDisk(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
