/** The vendor's side: a folder of static files that any web server, registry or stick can carry. plinth only signs. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Metadata, Root, Snapshot, TargetFile, Targets, Timestamp } from "@tufjs/models";
import { canonicalJson } from "../../components/licensing/canonical";
import { ProblemError } from "../../components/problem";
import type { Manifest } from "../../components/release/manifest";
import { currentKeys, type Seal, signingKeys } from "../licence/keys";
import { withVendor } from "../licence/lock";
import { record } from "../licence/log";
import { writeWhole } from "./files";
import { metaFile, ROLES, type Role, type Signed, SPEC_VERSION, sha256, signedBytes, tufKey } from "./metadata";
import { signedRoot } from "./root";
import { has, readRepository, type Written } from "./written";

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

/**
 * Signs that this is the newest state, and what else has to be: a release when there is one, a root when keys came or
 * went, and what is half-way to its end. No other key is opened, so that the others can stay in a safe. Returns, in
 * words, what is past half-way and could not be signed with what is given. It is recorded in the vendor's folder, which
 * nobody else changes meanwhile.
 */
export function signRepository(
  folder: string,
  vendor: string,
  seal: Seal,
  now: Date,
  release?: Manifest,
): Promise<readonly string[]> {
  const doing = release === undefined ? "sign a repository" : `sign the release ${release.version}`;
  return withVendor(vendor, doing, () => signedBy(folder, vendor, seal, now, release));
}

async function signedBy(
  folder: string,
  vendor: string,
  seal: Seal,
  now: Date,
  release?: Manifest,
): Promise<readonly string[]> {
  const before = readRepository(join(folder, "metadata"), (role) => roleFolder(vendor, role));
  /** In the order in which they can be read at every moment. */
  const files = new Map<string, Buffer>();
  const waiting: string[] = [];
  const common = (role: Role) => ({
    version: (before[role]?.version ?? 0) + 1,
    specVersion: SPEC_VERSION,
    expires: new Date(now.getTime() + LIFETIME[role] * DAY).toISOString().replace(/\.\d+/, ""),
  });
  const signed = async <T extends Signed>(role: Role, content: T): Promise<Written<T>> => {
    const metadata = new Metadata(content);
    const bytes = await signedBytes(metadata, await signingKeys(roleFolder(vendor, role), seal));
    const { version } = content;
    files.set(join("metadata", role === "timestamp" ? "timestamp.json" : `${version}.${role}.json`), bytes);
    return { version, bytes, metadata };
  };
  /** What a site would believe stays until it is half-way to its end, or lacks the signature of a key that came. */
  const current = async <T extends Signed>(
    role: Role,
    old: Written<T> | undefined,
    changed: boolean,
    sign: () => Promise<Written<T>>,
  ): Promise<Written<T>> => {
    const by = currentKeys(roleFolder(vendor, role)).map((key) => old !== undefined && has(key, old.metadata));
    const left = old === undefined ? 0 : (Date.parse(old.metadata.signed.expires) - now.getTime()) / DAY;
    if (old === undefined || changed || !by.includes(true) || left < LIFETIME.timestamp) return sign();
    if (!by.includes(false) && left > LIFETIME[role] / 2) return old;
    try {
      return await sign();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      waiting.push(`${role} is good until ${old.metadata.signed.expires}; sign with its key before\n${error.message}`);
      return old;
    }
  };

  const root = new Root({ ...common("root"), consistentSnapshot: true });
  for (const role of ROLES) for (const { x } of currentKeys(roleFolder(vendor, role))) root.addKey(tufKey(x), role);
  const otherTrust = before.root === undefined || !sameTrust(before.root.metadata.signed, root);
  await current("root", before.root, otherTrust, async () => {
    const metadata = new Metadata(root);
    const bytes = await signedRoot(roleFolder(vendor, "root"), seal, metadata, before.root?.metadata);
    files.set(join("metadata", `${root.version}.root.json`), bytes);
    return { version: root.version, bytes, metadata };
  });

  const targets = await current("targets", before.targets, release !== undefined, async () => {
    const next = new Targets({ ...common("targets"), targets: { ...before.targets?.metadata.signed.targets } });
    if (release !== undefined) {
      const bytes = Buffer.from(canonicalJson(release));
      const hash = sha256(bytes);
      files.set(join("targets", release.channel, `${hash}.release.json`), bytes);
      next.addTarget(
        new TargetFile({ path: targetName(release.channel), length: bytes.length, hashes: { sha256: hash } }),
      );
    }
    return signed("targets", next);
  });

  const meta = { "targets.json": metaFile(targets.version, targets.bytes) };
  const named = before.snapshot?.metadata.signed.meta["targets.json"]?.equals(meta["targets.json"]) === true;
  const snapshot = await current("snapshot", before.snapshot, !named, () =>
    signed("snapshot", new Snapshot({ ...common("snapshot"), meta })),
  );
  await signed(
    "timestamp",
    new Timestamp({ ...common("timestamp"), snapshotMeta: metaFile(snapshot.version, snapshot.bytes) }),
  );

  // What cannot be recorded must not be handed out.
  record(vendor, {
    act: "sign",
    files: Object.fromEntries([...files].map(([name, bytes]) => [name, sha256(bytes)])),
    ...(release && { release: { channel: release.channel, version: release.version } }),
  });
  for (const [name, bytes] of files) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeWhole(file, bytes);
  }
  return waiting;
}

function sameTrust(old: Root, root: Root): boolean {
  const [a, b] = [old.toJSON(), root.toJSON()];
  return canonicalJson({ keys: a.keys, roles: a.roles }) === canonicalJson({ keys: b.keys, roles: b.roles });
}
