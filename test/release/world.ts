import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { makeKey, publicKeys, retireKey, type Seal } from "../../cli/licence/keys";
import { newestRelease } from "../../cli/release/client";
import { ROLES, type Role } from "../../cli/release/metadata";
import { roleFolder, signRepository } from "../../cli/release/repository";
import { keyId } from "../../components/licensing/keys";
import type { Manifest } from "../../components/release/manifest";

/** A vendor with keys and a repository, and a site that looks at it. */
export interface World {
  readonly folder: string;
  readonly repository: string;
  readonly seal: Seal;
  sign(version?: string, now?: Date): Promise<readonly string[]>;
  /** A new key beside the old one, which goes then. */
  replaceKey(role: Role, between?: () => Promise<unknown>): Promise<void>;
  look(from?: string): Promise<Manifest>;
  /** A copy of everything that is served now. */
  keep(): Files;
  serve(files: Files): void;
  end(): void;
}

/** Served files by their paths. */
export type Files = ReadonlyMap<string, Buffer>;

export function manifest(version = "0.2.0"): Manifest {
  return {
    v: 1,
    channel: "stable",
    version,
    from: "0.1.0",
    notes: "better",
    pins: { talos: "v1.13.9", kubernetes: "v1.36.4" },
    versions: "0".repeat(64),
    charts: { cilium: "1.20.2" },
    images: [],
  };
}

export async function newWorld(): Promise<World> {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-release-"));
  const repository = path.join(folder, "releases");
  const { generateX25519Identity, identityToRecipient } = await import("age-encryption");
  const identity = await generateX25519Identity();
  const seal = { identities: [identity] };
  const recipients = [await identityToRecipient(identity)];
  for (const role of ROLES) await makeKey(roleFolder(folder, role), { recipients });
  mkdirSync(path.join(folder, "memory"));
  const world: World = {
    folder,
    repository,
    seal,
    sign: async (version, now = new Date()) =>
      signRepository(repository, folder, seal, now, version === undefined ? undefined : manifest(version)),
    replaceKey: async (role, between = async () => undefined) => {
      const [first] = publicKeys(roleFolder(folder, role));
      await makeKey(roleFolder(folder, role), { recipients });
      await between();
      const now = new Date().toISOString().replace(/\.\d+/, "");
      retireKey(roleFolder(folder, role), first ? keyId(first.x) : "", now);
      await world.sign();
    },
    look: (from = repository) =>
      newestRelease(
        {
          from,
          root: path.join(repository, "metadata", "1.root.json"),
          memory: path.join(folder, "memory"),
          timeout: 2_000,
        },
        "stable",
      ),
    keep: () => {
      const names = readdirSync(repository, { recursive: true, withFileTypes: true });
      const files = names.filter((each) => each.isFile()).map((each) => path.join(each.parentPath, each.name));
      return new Map(files.map((file) => [file, readFileSync(file)]));
    },
    serve: (files) => {
      rmSync(repository, { recursive: true, force: true });
      for (const [file, bytes] of files) {
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, bytes);
      }
    },
    end: () => rmSync(folder, { recursive: true }),
  };
  await world.sign("0.2.0");
  return world;
}
