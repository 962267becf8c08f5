/** Volumes on the storages of a Proxmox cluster, by its HTTP API. */
import { z } from "zod";
import type { StoredVolume } from "../../components/storage/orphans";
import { type Rest, restTo } from "../kubernetes/rest";

/** Where a Proxmox cluster is, and with what token. */
export interface ProxmoxAccess {
  /** As https://pve.example.org:8006/api2/json. */
  readonly url: string;
  readonly tokenId: string;
  readonly token: string;
  readonly insecure: boolean;
}

/** What the storages hold, and which nodes could not be asked. */
export interface StoredVolumes {
  readonly volumes: readonly StoredVolume[];
  readonly offline: readonly string[];
}

const SECONDS = 30;
const nodes = z.object({ data: z.array(z.object({ node: z.string(), status: z.string() })) });
const storages = z.object({ data: z.array(z.object({ storage: z.string(), active: z.number().optional() })) });
const content = z.object({
  data: z.array(z.object({ volid: z.string(), size: z.number(), ctime: z.number().default(0) })),
});

/** A client for the API. */
export function proxmoxRest({ url, tokenId, token, insecure }: ProxmoxAccess): Rest {
  return restTo(async () => ({
    server: url,
    options: { headers: { authorization: `PVEAPIToken=${tokenId}=${token}` }, rejectUnauthorized: !insecure },
  }));
}

/** Every disk on the named storages; one that several nodes share is told once. */
export async function storedVolumes(
  rest: Rest,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<StoredVolumes> {
  const get = (path: string, query?: Record<string, string>) =>
    rest.send({ method: "GET", path: `/api2/json${path}`, ...(query && { query }), seconds: SECONDS }, signal);
  const all = nodes.parse(await get("/nodes")).data;
  const volumes = new Map<string, StoredVolume>();
  for (const { node } of all.filter(({ status }) => status === "online")) {
    const there = storages.parse(await get(`/nodes/${node}/storage`, { content: "images" })).data;
    for (const { storage } of there.filter((each) => wanted.includes(each.storage) && each.active !== 0)) {
      const path = `/nodes/${node}/storage/${storage}/content`;
      for (const { volid, size, ctime } of content.parse(await get(path, { content: "images" })).data) {
        if (!volumes.has(volid)) volumes.set(volid, { node, storage, volume: volid, bytes: size, created: ctime });
      }
    }
  }
  return {
    volumes: [...volumes.values()],
    offline: all.filter(({ status }) => status !== "online").map(({ node }) => node),
  };
}

/** Removes a volume for good. */
export async function removeVolume(rest: Rest, { node, storage, volume }: StoredVolume, signal: AbortSignal) {
  const path = `/api2/json/nodes/${node}/storage/${storage}/content/${encodeURIComponent(volume)}`;
  await rest.send({ method: "DELETE", path, seconds: SECONDS }, signal);
}
