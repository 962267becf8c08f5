/** A volume as a storage of Proxmox has it. */
export interface StoredVolume {
  /** Node of Proxmox that was asked. */
  readonly node: string;
  readonly storage: string;
  /** Id of the volume, as local-zfs:vm-9999-pvc-0c5e…. */
  readonly volume: string;
  readonly bytes: number;
  /** When it was made, in seconds since 1970; 0 where the storage does not say. */
  readonly created: number;
}

/** A volume that is being made has no PersistentVolume yet. */
const YOUNG_SECONDS = 3600;

/**
 * Volumes of the driver that no PersistentVolume of this cluster names, the largest first. `handles` are the volume
 * handles of all PersistentVolumes, `now` is in seconds since 1970. Another cluster on the same storage may own what is
 * an orphan to this one.
 */
export function orphanedVolumes(
  stored: readonly StoredVolume[],
  handles: readonly string[],
  now: number,
): readonly StoredVolume[] {
  const named = new Set(handles.map(ofHandle));
  return stored
    .filter(({ volume }) => /^[^:]+:(.*\/)?vm-\d+-pvc-/.test(volume))
    .filter(({ volume, created }) => !named.has(ofVolume(volume)) && now - created > YOUNG_SECONDS)
    .sort((a, b) => b.bytes - a.bytes || (a.volume < b.volume ? -1 : 1));
}

/** `region/zone/storage/vm-9999-pvc-…`: the same volume has another zone after it moved. */
function ofHandle(handle: string): string {
  const parts = handle.split("/");
  return `${parts[2] ?? ""}:${parts[parts.length - 1] ?? ""}`;
}

function ofVolume(volume: string): string {
  const [storage = "", ...rest] = volume.split(":");
  return `${storage}:${rest.join(":").split("/").pop() ?? ""}`;
}
