/** The vendor's side: a folder of static files that any web server, registry or stick can carry. plinth only signs. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Metadata, MetadataKind, Root, Snapshot, TargetFile, Targets, Timestamp } from "@tufjs/models";
import { canonicalJson } from "../../components/licensing/canonical";
import type { Manifest } from "../../components/release/manifest";
import { type Seal, signingKeys } from "../licence/keys";
import { metaFile, ROLES, type Role, SPEC_VERSION, sha256, signedBytes, tufKey } from "./metadata";
import { believedRoot, signedRoot } from "./root";

const DAY = 86_400_000;
/** Days until each role has to be signed again. A site that is kept from news notices it after `timestamp`. */
const LIFETIME: Readonly<Record<Role, number>> = { root: 365, targets: 180, snapshot: 180, timestamp: 30 };

/** Target that names the newest release of a channel. */
export function targetName(channel: Manifest["channel"]): string {
  return `${channel}/release.json`;
}

/** Folder of a role's keys below the vendor's. */
export function roleFolder(vendor: string, role: Role): string {
  return join(vendor, role);
}

/** Signs everything anew, with a release when there is one. Keys that came or went since the last time make a new root. */
export async function signRepository(
  folder: string,
  vendor: string,
  seal: Seal,
  now: Date,
  release?: Manifest,
): Promise<void> {
  const metadata = join(folder, "metadata");
  const targets = join(folder, "targets");
  for (const each of [metadata, targets]) mkdirSync(each, { recursive: true });
  const keys = Object.fromEntries(
    await Promise.all(ROLES.map(async (role) => [role, await signingKeys(roleFolder(vendor, role), seal)] as const)),
  );
  const of = (role: Role) => keys[role] ?? [];
  const common = (role: Role, version: number) => ({ version, specVersion: SPEC_VERSION, expires: expiry(now, role) });

  const rootBefore = newest(metadata, "root");
  const oldRoot = rootBefore && believedRoot(metadata, rootBefore.version);
  const root = new Root({ ...common("root", (oldRoot?.signed.version ?? 0) + 1), consistentSnapshot: true });
  for (const role of ROLES) for (const { x } of of(role)) root.addKey(tufKey(x), role);
  if (oldRoot === undefined || !sameTrust(oldRoot.signed, root) || expiresSoon(oldRoot.signed, now))
    write(
      join(metadata, `${root.version}.root.json`),
      await signedRoot(roleFolder(vendor, "root"), seal, new Metadata(root), oldRoot),
    );

  const oldTargets = newest(metadata, "targets");
  const known = oldTargets && Metadata.fromJSON(MetadataKind.Targets, readJson(oldTargets.file)).signed.targets;
  const next = new Targets({ ...common("targets", (oldTargets?.version ?? 0) + 1), targets: { ...known } });
  if (release !== undefined) {
    const bytes = Buffer.from(canonicalJson(release));
    const hash = sha256(bytes);
    mkdirSync(join(targets, release.channel), { recursive: true });
    write(join(targets, release.channel, `${hash}.release.json`), bytes);
    next.addTarget(
      new TargetFile({ path: targetName(release.channel), length: bytes.length, hashes: { sha256: hash } }),
    );
  }
  const targetsBytes = await signedBytes(new Metadata(next), of("targets"));
  write(join(metadata, `${next.version}.targets.json`), targetsBytes);

  const snapshot = new Snapshot({
    ...common("snapshot", (newest(metadata, "snapshot")?.version ?? 0) + 1),
    meta: { "targets.json": metaFile(next.version, targetsBytes) },
  });
  const snapshotBytes = await signedBytes(new Metadata(snapshot), of("snapshot"));
  write(join(metadata, `${snapshot.version}.snapshot.json`), snapshotBytes);

  const file = join(metadata, "timestamp.json");
  const before = existsSync(file) ? Metadata.fromJSON(MetadataKind.Timestamp, readJson(file)).signed.version : 0;
  const timestamp = new Timestamp({
    ...common("timestamp", before + 1),
    snapshotMeta: metaFile(snapshot.version, snapshotBytes),
  });
  write(file, await signedBytes(new Metadata(timestamp), of("timestamp")));
}

/** Copies a repository so that whoever reads it meanwhile sees the old state or the new one: what names comes last. */
export function publishRepository(from: string, to: string): void {
  const copy = (folder: string, names: readonly string[]) => {
    mkdirSync(join(to, folder), { recursive: true });
    for (const name of names) {
      const draft = join(to, folder, `.${name}.new`);
      copyFileSync(join(from, folder, name), draft);
      renameSync(draft, join(to, folder, name));
    }
  };
  for (const channel of readdirSync(join(from, "targets")))
    copy(join("targets", channel), readdirSync(join(from, "targets", channel)));
  const names = readdirSync(join(from, "metadata"));
  for (const kind of [".targets.json", ".snapshot.json", ".root.json"])
    copy(
      "metadata",
      names.filter((name) => name.endsWith(kind)),
    );
  copy("metadata", ["timestamp.json"]);
}

/** The file with the highest version of a role. */
function newest(folder: string, role: Role): { readonly version: number; readonly file: string } | undefined {
  const versions = readdirSync(folder).flatMap((name) => {
    const [, version, kind] = /^(\d+)\.(\w+)\.json$/.exec(name) ?? [];
    return kind === role ? [Number(version)] : [];
  });
  if (versions.length === 0) return undefined;
  const version = Math.max(...versions);
  return { version, file: join(folder, `${version}.${role}.json`) };
}

type Json = Parameters<typeof Root.fromJSON>[0];

function readJson(file: string): Json {
  return JSON.parse(readFileSync(file, "utf8"));
}

function sameTrust(old: Root, root: Root): boolean {
  const { keys, roles } = old.toJSON();
  const now = root.toJSON();
  return canonicalJson({ keys, roles }) === canonicalJson({ keys: now.keys, roles: now.roles });
}

function expiresSoon({ expires }: Root, now: Date): boolean {
  return Date.parse(expires) - now.getTime() < (LIFETIME.root / 2) * DAY;
}

function expiry(now: Date, role: Role): string {
  return new Date(now.getTime() + LIFETIME[role] * DAY).toISOString().replace(/\.\d+/, "");
}

/** All or nothing: a torn file would be signed by nobody. */
function write(file: string, bytes: Buffer): void {
  writeFileSync(`${file}.new`, bytes);
  renameSync(`${file}.new`, file);
}
