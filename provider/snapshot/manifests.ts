/** The manifests in a store. */
import {
  type Manifest,
  manifestFile,
  manifestSchema,
  nameOfManifest,
  snapshotFile,
} from "../../components/backup/snapshot";
import { checkpoint, eachBounded } from "../wait";
import { digest } from "./bytes";
import type { Store } from "./store";

const PARALLEL = 8;
/** No manifest is larger, whoever wrote it. */
const LARGEST = 1 << 20;

/** What a store holds, as far as it can be read. */
interface Shelf {
  readonly manifests: readonly Manifest[];
  /** Names of files that look like manifests and are none. */
  readonly unreadable: readonly string[];
}

/** All manifests whose names begin with the prefix. */
export async function readManifests(store: Store, prefix: string, signal: AbortSignal): Promise<Shelf> {
  const names = (await store.list(prefix, signal)).filter((file) => nameOfManifest(file) !== undefined);
  const read = await eachBounded(names, PARALLEL, async (file) => ({
    file,
    manifest: parse(await textOf(await store.get(file, signal)), nameOfManifest(file)),
  }));
  return {
    manifests: read.flatMap(({ manifest }) => manifest ?? []),
    unreadable: read.filter(({ manifest }) => manifest === undefined).map(({ file }) => file),
  };
}

function parse(text: string, name: string | undefined): Manifest | undefined {
  try {
    const { data } = manifestSchema.safeParse(JSON.parse(text));
    return data?.name === name ? data : undefined;
  } catch {
    return undefined;
  }
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > LARGEST) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Writes a manifest, which makes its snapshot one. */
export async function writeManifest(store: Store, manifest: Manifest, signal: AbortSignal): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield text;
  };
  const content = { bytes: text.length, sha256: await digest(open()), open };
  await store.put(manifestFile(manifest.name), content, signal);
}

/** Takes a snapshot away: its manifest first, so that what a kill leaves is no snapshot any more. */
export async function removeSnapshot(store: Store, name: string, signal: AbortSignal): Promise<void> {
  checkpoint(signal);
  await store.remove(manifestFile(name), signal);
  await store.remove(snapshotFile(name), signal);
}
