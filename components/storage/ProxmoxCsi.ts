import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type ProxmoxCsiSettings, proxmoxCsiService } from "./service/proxmoxcsi";

/** Inputs of {@link ProxmoxCsi}. */
export type ProxmoxCsiArgs = ServiceArgs<ProxmoxCsiSettings>;

/**
 * Volumes as disks of virtual machines on the storages of a Proxmox cluster. Every machine needs the labels
 * `topology.kubernetes.io/region` (the Proxmox cluster) and `topology.kubernetes.io/zone` (the Proxmox node).
 */
export class ProxmoxCsi extends Installation {
  constructor(name: string, { installation, ...settings }: ProxmoxCsiArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, proxmoxCsiService(settings), installation, opts);
  }
}
