/** Everything that would keep a snapshot from being taken, before anything else is done. */
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Surroundings, whyInside } from "../../components/backup/inside";
import type { Backup } from "../../components/backup/spec";
import type { Problem } from "../../components/problem";
import { sentence } from "../host/failure";
import { etcdutlAnswers } from "./etcdutl";
import { openStore } from "./open";
import { sealer } from "./seal";
import type { SnapshotContext } from "./take";

/** What is asked before the first step. */
export interface StoreQuestion {
  readonly backup: Backup;
  /** Size of etcd's database in bytes. @default - 256 MiB */
  readonly bytes?: number;
  /** The cluster that the store must not be a part of. */
  readonly cluster: Surroundings;
}

/** A snapshot, its encrypted form on top of it, and a little that grows meanwhile. */
const ROOM = 1.2;
const UNKNOWN_SIZE = 256 << 20;

/** Every problem at once; empty if a snapshot can be taken. Writes and removes one small file in the store. */
export async function checkStore(
  { backup, bytes = UNKNOWN_SIZE, cluster }: StoreQuestion,
  context: Pick<SnapshotContext, "config" | "signal">,
): Promise<readonly Problem[]> {
  const { signal } = context;
  const { store, problems } = openStore(backup, context.config);
  const sealed = await sealer(backup);
  const inside = await insideProblems(backup, cluster);
  const tool = await toolProblems(signal);
  // A store in the wrong place, or one without credentials, is not touched at all.
  const shut = problems.length + inside.length > 0;
  const wrong = shut ? [] : await store.check(Math.ceil(bytes * ROOM), signal);
  return [...problems, ...inside, ...wrong, ...sealed.problems, ...tool];
}

async function toolProblems(signal: AbortSignal): Promise<readonly Problem[]> {
  try {
    await etcdutlAnswers(signal);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    const fix = "it comes with etcd's releases; without it no snapshot can be verified";
    return [{ path: "PLINTH_ETCDUTL", reason: sentence(error), fix }];
  }
}

async function insideProblems({ store }: Backup, cluster: Surroundings): Promise<readonly Problem[]> {
  const [path, host] =
    "path" in store
      ? ["backup.store.path", mountHost(store.path, await mounts())]
      : ["backup.store.s3.endpoint", store.s3.endpoint === undefined ? undefined : new URL(store.s3.endpoint).hostname];
  const why = host === undefined ? undefined : whyInside(host, cluster);
  if (why === undefined) return [];
  const reason = `${why}: the snapshots would be lost together with the cluster`;
  return [{ path, reason, fix: "name a store that does not run in this cluster" }];
}

/** The server that a folder is mounted from, by the text of /proc/mounts; `undefined` for a disk of this computer. */
export function mountHost(folder: string, table: string): string | undefined {
  const path = existing(folder);
  const within = table
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, point = ""]) => path === point || path.startsWith(point === "/" ? "/" : `${point}/`))
    .sort(([, a = ""], [, b = ""]) => b.length - a.length);
  const source = within[0]?.[0] ?? "";
  // nfs and ceph write host:/export, cifs //host/share.
  return /^(?:\/\/([^/]+)\/|(?:\[([^\]]+)\]|([^/:,]+))(?::\d+)?:\/)/
    .exec(source)
    ?.slice(1)
    .find((part) => part !== undefined);
}

/** The folder with every link resolved, or the nearest one above it that exists. */
function existing(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    const parent = dirname(folder);
    return parent === folder ? folder : existing(parent);
  }
}

/** Empty where the system keeps no such table. */
async function mounts(): Promise<string> {
  return readFile("/proc/self/mounts", "utf8").catch(() => "");
}
