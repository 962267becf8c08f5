/** An OCI image layout on disk: one image of some layers, the same bytes whoever writes it and whenever. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Architecture } from "./pins";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** What an image is, beside its files. */
export interface Image {
  readonly architecture: Architecture;
  /** Name in the layout, as a tag. */
  readonly tag: string;
  /** Moment that everything in it bears. */
  readonly created: Date;
  readonly entrypoint: readonly string[];
  /** Environment, unless the cluster says otherwise. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  /** Annotations of the image, and labels of its configuration. */
  readonly labels: Readonly<Record<string, string>>;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Writes a layout whose image has these trees as its layers, from below. Returns the digest of the image. */
export async function writeLayout(folder: string, trees: readonly string[], image: Image): Promise<string> {
  const { architecture, created, labels } = image;
  const blobs = join(folder, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const layers = [];
  for (const tree of trees) layers.push(await layer(blobs, tree, created));
  const date = created.toISOString().replace(/\.\d+/, "");
  const config = blob(blobs, CONFIG, {
    created: date,
    architecture,
    os: "linux",
    config: {
      User: image.user,
      Entrypoint: image.entrypoint,
      Env: Object.entries(image.env).map(([name, value]) => `${name}=${value}`),
      WorkingDir: "/",
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ unpacked }) => unpacked) },
    history: layers.map(() => ({ created: date, created_by: "plinth image" })),
  });
  const manifest = blob(blobs, MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: { "org.opencontainers.image.created": date, ...labels },
  });
  const annotations = { "org.opencontainers.image.ref.name": image.tag };
  const index = {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [{ ...manifest, platform: { architecture, os: "linux" }, annotations }],
  };
  writeFileSync(join(folder, "index.json"), JSON.stringify(index));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return manifest.digest;
}

/** A tree as a layer: sorted, of root, of one moment, and with the rights that a file needs and no umask. */
async function layer(
  blobs: string,
  tree: string,
  created: Date,
): Promise<{ descriptor: Descriptor; unpacked: string }> {
  const archive = join(blobs, "layer.tar");
  const same = ["--sort=name", "--format=gnu", "--owner=0", "--group=0", "--numeric-owner", "--hard-dereference"];
  const rights = "--mode=u=rwX,go=rX";
  const moment = `--mtime=@${created.getTime() / 1000}`;
  const call = (program: string, ...args: readonly string[]) =>
    execFileSync(program, args, { env: { ...process.env, LC_ALL: "C" }, stdio: ["ignore", "ignore", "inherit"] });
  call("tar", ...same, rights, moment, "-C", tree, "-cf", archive, ...readdirSync(tree).sort());
  const unpacked = await digest(archive);
  call("gzip", "--no-name", "--force", archive);
  const packed = `${archive}.gz`;
  const descriptor = { mediaType: LAYER, digest: await digest(packed), size: statSync(packed).size };
  renameSync(packed, join(blobs, descriptor.digest.slice("sha256:".length)));
  return { descriptor, unpacked };
}

function blob(blobs: string, mediaType: string, content: unknown): Descriptor {
  const text = JSON.stringify(content);
  const hex = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(blobs, hex), text);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
}

async function digest(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest("hex")}`;
}
