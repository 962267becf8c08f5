/** What Helm notes of a release: a Secret for each revision, the newest of which says what it is doing. */
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import type { KubernetesObject, Objects } from "./ports";

/** A record unpacked: charts are limited to a fraction of this. */
const RECORD_BYTES = 64 << 20;

/** One revision, as its Secret's labels tell. */
export interface RecordHead {
  readonly secret: string;
  readonly uid: string;
  readonly revision: number;
  /** As Helm calls it: `deployed`, `superseded`, `pending-install`, … */
  readonly status: string;
  /** When it was begun, in milliseconds since 1970. */
  readonly begun: number;
}

/** What the text of a record tells beside. */
export interface RecordText {
  readonly description: string;
  /** Name and version, as `cilium-1.19.6`. */
  readonly chart: string;
}

/** Every revision of a release, oldest first. */
export async function releaseRecords(
  objects: Objects,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly RecordHead[]> {
  const heads = await objects.heads({ apiVersion: "v1", kind: "Secret", namespace }, { owner: "helm", name }, signal);
  return heads
    .map(({ metadata }) => ({
      secret: metadata.name,
      uid: metadata.uid ?? "",
      revision: Number(metadata.labels?.version),
      status: metadata.labels?.status ?? "unknown",
      begun: Date.parse(metadata.creationTimestamp ?? "") || 0,
    }))
    .sort((a, b) => a.revision - b.revision);
}

/** Whether Helm was at work at a release when it wrote this, or still is. */
export function isPending({ status }: RecordHead): boolean {
  return status.startsWith("pending-");
}

const secretSchema = z.object({ data: z.object({ release: z.string() }) });
const recordSchema = z.object({
  info: z.object({ description: z.string().default("") }).default({ description: "" }),
  chart: z.object({ metadata: z.object({ name: z.string(), version: z.string() }) }),
});

/** The text of a record; `undefined` for a Secret that Helm has not written. */
export function recordText(secret: KubernetesObject): RecordText | undefined {
  const parsed = secretSchema.safeParse(secret);
  if (!parsed.success) return undefined;
  try {
    // Helm's own base64, within that of the API.
    const packed = Buffer.from(Buffer.from(parsed.data.data.release, "base64").toString("latin1"), "base64");
    const text = gunzipSync(packed, { maxOutputLength: RECORD_BYTES }).toString("utf8");
    const { info, chart } = recordSchema.parse(JSON.parse(text));
    return { description: info.description, chart: `${chart.metadata.name}-${chart.metadata.version}` };
  } catch {
    return undefined;
  }
}
