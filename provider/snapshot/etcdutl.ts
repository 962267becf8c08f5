/** The official etcdutl: what a snapshot holds, and whether it is sound. */
import { z } from "zod";
import { etcdutlBinary, run, secretPath } from "../talosctl/run";

/** Longest look at a snapshot: it reads every page, in seconds. */
const LOOK = 600;
const VERSION = 10;

const status = z.object({
  hash: z.number(),
  revision: z.number(),
  totalKey: z.number(),
  version: z.string().default(""),
});

/** What etcdutl says of a snapshot. */
export interface SnapshotStatus {
  /** Eight hex digits. */
  readonly hash: string;
  readonly revision: number;
  readonly keys: number;
  /** Storage version, as `3.6.0`; empty if it does not tell. */
  readonly etcd: string;
}

/** Reads the whole snapshot behind an open file; throws if it is damaged. */
export async function snapshotStatus(file: number, signal: AbortSignal): Promise<SnapshotStatus> {
  const args = ["snapshot", "status", secretPath(0), "--write-out", "json"];
  const output = await run(etcdutlBinary(), { node: "", args, secrets: [], files: [file], seconds: LOOK, signal });
  if (output.code !== 0) throw new Error(`etcdutl: the snapshot is damaged: ${lastLine(output.stderr)}`);
  const { hash, revision, totalKey, version } = status.parse(JSON.parse(output.stdout));
  return { hash: hash.toString(16).padStart(8, "0"), revision, keys: totalKey, etcd: version };
}

/** Throws, with the way out, if there is no etcdutl that runs. */
export async function etcdutlAnswers(signal: AbortSignal): Promise<void> {
  const output = await run(etcdutlBinary(), { node: "", args: ["version"], secrets: [], seconds: VERSION, signal });
  if (output.code !== 0) throw new Error(`${etcdutlBinary()} version: ${lastLine(output.stderr)}`);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
