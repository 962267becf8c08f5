/** A site's side: tuf-js decides what is to be believed, plinth only says where the files are and what went wrong. */
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Metadata, MetadataKind } from "@tufjs/models";
import { BaseFetcher, Updater } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error";
import { ProblemError } from "../../components/problem";
import { type Channel, type Manifest, parseManifest } from "../../components/release/manifest";
import { moveWhole } from "./files";
import { misspelt, sha256 } from "./metadata";
import { type Reader, registryReader } from "./registry";
import { targetName } from "./repository";

/** Where releases come from and what is trusted to begin with. */
export interface Source {
  /** URL, a folder, or `oci://…`. */
  readonly from: string;
  /** The vendor's first root.json, got in a way that is trusted. */
  readonly root: string;
  /** Where what was seen is kept: without it an old state could be shown again. */
  readonly memory: string;
  /** Milliseconds for one file. @default 60000 */
  readonly timeout?: number;
}

/** No release is longer; tuf-js bounds metadata itself. */
const LONGEST_TARGET = 4_194_304;

const OCI = "oci://";

const REMEMBERED = ["root.json", "timestamp.json", "snapshot.json", "targets.json"];
const NO_ROOT = "name the root.json that came with the product";
const TORN = "remove it: what was seen until now is asked for anew, and an older state is not noticed this once";

/** The newest release of a channel. @throws ProblemError for whatever cannot be believed or had */
export async function newestRelease(source: Source, channel: Channel): Promise<Manifest> {
  const seen = join(source.memory, sha256(readRoot(source.root)).slice(0, 16));
  mkdirSync(seen, { recursive: true, mode: 0o700 });
  // tuf-js writes files in place: what is killed in between must not be the end of all updates.
  const work = mkdtempSync(join(source.memory, ".work-"));
  try {
    if (!existsSync(join(seen, "root.json"))) takeOver(source.root, join(work, "root.json"), noRoot, NO_ROOT);
    for (const name of REMEMBERED)
      if (existsSync(join(seen, name))) takeOver(join(seen, name), join(work, name), misspelt, TORN);
    const timeout = source.timeout ?? 60_000;
    const registry = source.from.startsWith(OCI) ? await registryReader(source.from, timeout) : undefined;
    const base = registry !== undefined ? "oci:" : baseUrl(source.from);
    const fetcher = new Carrier(timeout, registry);
    try {
      const updater = new Updater({ metadataDir: work, metadataBaseUrl: `${base}/metadata`, fetcher });
      await updater.refresh();
      const target = await updater.getTargetInfo(targetName(channel));
      if (target === undefined) throw new Refused(`the channel ${channel} has no release`);
      if (target.length > LONGEST_TARGET) throw new Refused(`the release has ${target.length} bytes`);
      const file = join(work, "target");
      await updater.downloadTarget(target, file, `${base}/targets`);
      const manifest = parseManifest(readFileSync(file, "utf8"), targetName(channel));
      if (manifest.channel !== channel) throw new Refused(`the release is of the channel ${manifest.channel}`);
      rmSync(file);
      return manifest;
    } finally {
      // Also after a failure: what was verified until then is not to be shown anew.
      for (const name of REMEMBERED) if (existsSync(join(work, name))) moveWhole(join(work, name), join(seen, name));
    }
  } catch (error) {
    throw explained(error, source.from);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function baseUrl(from: string): string {
  return /^https?:\/\//.test(from) ? from.replace(/\/+$/, "") : pathToFileURL(from).href;
}

class Refused extends Error {}

/** Reads files of a folder, a web server or a registry, each in bounded time, and only in the one spelling. */
class Carrier extends BaseFetcher {
  constructor(
    private readonly timeout: number,
    private readonly registry?: Reader,
  ) {
    super();
  }

  async fetch(url: string): Promise<NodeJS.ReadableStream> {
    if (url.startsWith("file:")) {
      const file = fileURLToPath(url);
      if (!existsSync(file) || !statSync(file).isFile()) throw new DownloadHTTPError(`there is no ${file}`, 404);
      return createReadStream(file);
    }
    // The signal ends the body too, not only the wait for its first byte.
    const response = await (this.registry?.(url.slice("oci:/".length)) ??
      fetch(url, { signal: AbortSignal.timeout(this.timeout) }));
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new DownloadHTTPError(`${url} answers ${response.status}`, response.status);
    }
    return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  }

  override async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const bytes = await super.downloadBytes(url, maxLength);
    const why = misspelt(bytes);
    if (why !== undefined) throw new Refused(`${new URL(url).pathname.split("/").at(-1)}: ${why}`);
    return bytes;
  }
}

/** What this computer has is not the repository's fault. */
function takeOver(from: string, to: string, check: (bytes: Buffer) => string | undefined, fix: string): void {
  const bytes = readFileSync(from);
  const why = check(bytes);
  if (why !== undefined) throw new ProblemError("There is nothing to trust:", [{ path: from, reason: why, fix }]);
  writeFileSync(to, bytes);
}

function noRoot(bytes: Buffer): string | undefined {
  try {
    Metadata.fromJSON(MetadataKind.Root, JSON.parse(bytes.toString()));
    return undefined;
  } catch {
    return "it is no root.json";
  }
}

function readRoot(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ProblemError("There is nothing to trust:", [
      { path: file, reason: (error as NodeJS.ErrnoException).message, fix: NO_ROOT },
    ]);
  }
}

function explained(error: unknown, from: string): unknown {
  if (error instanceof ProblemError) return error;
  const { name, message, cause, syscall } = error as Error & { readonly syscall?: string };
  // A full disk is no fault of the repository.
  if (syscall !== undefined) return error;
  const gone = error instanceof DownloadHTTPError || cause !== undefined || name === "TimeoutError";
  const reason = gone ? `it cannot be read: ${message}` : `it is not believed: ${message}`;
  const fix = gone
    ? "what runs goes on; try again later, or name another copy of it"
    : "do not use it: get another copy, and tell the vendor if that is refused too";
  return new ProblemError("There is no update:", [{ path: from, reason, fix }]);
}
