import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type LonghornSettings, longhornService } from "./service/longhorn";

/** Inputs of {@link Longhorn}. */
export type LonghornArgs = ServiceArgs<LonghornSettings>;

/**
 * Longhorn: volumes with copies on several machines, below `/var/mnt/longhorn`, where the kubelet sees them. The machines
 * need the system extensions siderolabs/iscsi-tools and siderolabs/util-linux-tools.
 *
 * An upgrade migrates volumes and cannot be taken back. Where Longhorn runs, another version begins only behind a finished
 * `SystemBackup` that is called after it, as `before-1-12-1`, and a release that failed stays as it is for a person to see.
 */
export class Longhorn extends Installation {
  constructor(name: string, { installation, ...settings }: LonghornArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, longhornService(settings), installation, opts);
  }
}
