/** What a repository holds already. Only what the vendor's own keys signed is built upon: it would be signed again. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Metadata, MetadataKind, type Root, type Snapshot, type Targets, type Timestamp } from "@tufjs/models";
import type { LicenceKey } from "../../components/licensing/keys";
import { ProblemError } from "../../components/problem";
import { publicKeys } from "../licence/keys";
import { misspelt, type Role, type Signed, tufKey } from "./metadata";

/** A signed file. */
export interface Written<T extends Signed> {
  readonly version: number;
  readonly bytes: Buffer;
  readonly metadata: Metadata<T>;
}

/** The newest file of every role; none of a role that was not signed yet. */
export interface Repository {
  readonly root?: Written<Root>;
  readonly targets?: Written<Targets>;
  readonly snapshot?: Written<Snapshot>;
  readonly timestamp?: Written<Timestamp>;
}

type Json = Parameters<typeof Root.fromJSON>[0];

/** Reads a repository's metadata. @throws ProblemError for a file that the vendor's keys did not sign */
export function readRepository(metadata: string, keysOf: (role: Role) => string): Repository {
  const names = existsSync(metadata) ? readdirSync(metadata) : [];
  const newest = (role: Role): string | undefined => {
    if (role === "timestamp") return names.find((name) => name === "timestamp.json");
    const versions = names.flatMap((name) => {
      const [, version, kind] = /^(\d+)\.(\w+)\.json$/.exec(name) ?? [];
      return kind === role ? [Number(version)] : [];
    });
    return versions.length === 0 ? undefined : `${Math.max(...versions)}.${role}.json`;
  };
  const read = <T extends Signed>(role: Role, name: string | undefined, from: (json: Json) => Metadata<T>) =>
    name === undefined ? undefined : readWritten(join(metadata, name), keysOf(role), from);
  const rootOf = (name: string | undefined) => read("root", name, (json) => Metadata.fromJSON(MetadataKind.Root, json));
  const root = rootOf(newest("root"));
  const earlier = root && `${root.version - 1}.root.json`;
  if (root !== undefined && earlier !== undefined && names.includes(earlier))
    follows(join(metadata, `${root.version}.root.json`), root, rootOf(earlier));
  const targets = read("targets", newest("targets"), (json) => Metadata.fromJSON(MetadataKind.Targets, json));
  const snapshot = read("snapshot", newest("snapshot"), (json) => Metadata.fromJSON(MetadataKind.Snapshot, json));
  const timestamp = read("timestamp", newest("timestamp"), (json) => Metadata.fromJSON(MetadataKind.Timestamp, json));
  return {
    ...(root && { root }),
    ...(targets && { targets }),
    ...(snapshot && { snapshot }),
    ...(timestamp && { timestamp }),
  };
}

/** Whether a key signed it. */
export function has({ x }: LicenceKey, metadata: Metadata<Signed>): boolean {
  try {
    tufKey(x).verifySignature(metadata);
    return true;
  } catch {
    return false;
  }
}

function readWritten<T extends Signed>(file: string, folder: string, from: (json: Json) => Metadata<T>): Written<T> {
  const bytes = readFileSync(file);
  const why = misspelt(bytes);
  const metadata = why === undefined ? parsed(bytes, from) : undefined;
  // Also a retired one: what it signed is signed anew now.
  if (metadata !== undefined && publicKeys(folder).some((key) => has(key, metadata)))
    return { version: metadata.signed.version, bytes, metadata };
  const reason = why ?? `is not signed with a key of ${folder}`;
  const fix = "bring back a copy of what was published: nothing is signed over what somebody else wrote";
  throw new ProblemError("Nothing was signed:", [{ path: file, reason, fix }]);
}

function parsed<T extends Signed>(bytes: Buffer, from: (json: Json) => Metadata<T>): Metadata<T> | undefined {
  try {
    return from(JSON.parse(bytes.toString()));
  } catch {
    return undefined;
  }
}

/** Sites go from one root to the next; from here no site would. */
function follows(file: string, root: Written<Root>, before: Written<Root> | undefined): void {
  try {
    before?.metadata.verifyDelegate("root", root.metadata);
  } catch (error) {
    const reason = `no site would take it: ${(error as Error).message} of the one before`;
    throw new ProblemError("Nothing was signed:", [{ path: file, reason, fix: "remove it, and sign again" }]);
  }
}
