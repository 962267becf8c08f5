/** Files that machines boot from: which ones, and fetching them from an Image Factory into a folder of one's own. */
import { createHash, type Hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type ImageSource, imageAssets } from "../components/boot/assets";
import { ProblemError } from "../components/problem";

/** What is to be booted from. */
export interface MediaPlan {
  readonly source: ImageSource;
  /** The schematic as a factory takes it; absent where only its id is known. */
  readonly yaml?: string;
  /** URLs of the files: kernel, initramfs, command line, ISO. */
  readonly files: readonly string[];
}

/** Longest time for one file, in milliseconds: an ISO of some hundred megabytes over a slow line. */
const PATIENCE = 30 * 60_000;

export function planMedia(source: ImageSource, yaml: string | undefined): MediaPlan {
  const { kernel, initramfs, cmdline, iso } = imageAssets(source);
  return { source, files: [kernel, initramfs, cmdline, iso], ...(yaml !== undefined && { yaml }) };
}

/** A line of SHA256SUMS. */
export interface Fetched {
  readonly file: string;
  readonly sha256: string;
}

/**
 * Fetches the files into `folder/<schematic>/<version>/`, where `plinth boot serve --images folder` looks for them, with
 * their checksums in SHA256SUMS. A file is there whole or not at all.
 */
export async function buildMedia(
  plan: MediaPlan,
  folder: string,
  say: (line: string) => void,
): Promise<readonly Fetched[]> {
  const { schematic, version } = plan.source;
  const target = join(folder, schematic, version);
  if (plan.yaml !== undefined) await tellFactory(plan, plan.yaml);
  await mkdir(target, { recursive: true });
  const fetched: Fetched[] = [];
  for (const url of plan.files) {
    const file = basename(new URL(url).pathname);
    const sha256 = await fetchFile(url, join(target, file));
    say(`${sha256}  ${file}`);
    fetched.push({ file, sha256 });
  }
  await writeFile(join(target, "SHA256SUMS"), fetched.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(""));
  return fetched;
}

/** A factory builds only what it was told; the same schematic again is nothing new to it. */
async function tellFactory({ source, files }: MediaPlan, yaml: string): Promise<void> {
  const url = new URL("/schematics", files[0]).href;
  const response = await request(url, { method: "POST", body: yaml });
  const { id } = (await response.json()) as { readonly id?: unknown };
  if (id === source.schematic) return;
  throw refused(
    url,
    `the factory calls this schematic ${String(id)}, plinth ${source.schematic}`,
    "report it: plinth computes ids as the factory does",
  );
}

async function fetchFile(url: string, file: string): Promise<string> {
  const response = await request(url, {});
  if (response.body === null) throw refused(url, "the answer is empty", "look at the factory's log");
  const draft = `${file}.part`;
  const hash = createHash("sha256");
  try {
    await pipeline(response.body, hashing(hash), createWriteStream(draft));
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  return hash.digest("hex");
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

async function request(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE) }).catch((error: Error) => {
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    throw refused(
      url,
      `cannot be reached (${why})`,
      "name a factory that can be reached: talos.factory in the site file",
    );
  });
  if (response.ok) return response;
  throw refused(url, `answers ${response.status}`, "check version and extensions: this factory may not have them");
}

const refused = (path: string, reason: string, fix: string): ProblemError =>
  new ProblemError("The boot media are not complete:", [{ path, reason, fix }]);

/** A command that tries the ISO on a virtual machine: nothing of the host but its network through it. */
export function qemuCommand({ source, files }: MediaPlan): string {
  const iso = basename(new URL(files[3] ?? "").pathname);
  const machine =
    source.arch === "amd64"
      ? "qemu-system-x86_64 -machine q35,accel=kvm:tcg -cpu max"
      : "qemu-system-aarch64 -machine virt,accel=kvm:tcg -cpu max -bios edk2-aarch64-code.fd";
  return [
    "truncate -s 20G disk.img",
    `${machine} -m 4G -smp 2 -nographic \\`,
    "  -drive file=disk.img,format=raw,if=virtio,serial=try \\",
    `  -cdrom ${iso} -boot order=cd \\`,
    "  -nic user,model=virtio,hostfwd=tcp:127.0.0.1:50000-:50000",
  ].join("\n");
}
