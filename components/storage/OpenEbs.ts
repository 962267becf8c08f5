import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type OpenEbsSettings, openEbsService } from "./service/openebs";

/** Inputs of {@link OpenEbs}. */
export type OpenEbsArgs = ServiceArgs<OpenEbsSettings>;

/**
 * OpenEBS' Local PV Hostpath: volumes in a folder of the machine that the pod runs on, as {@link LocalPath} has them, by
 * the provisioner and under the class that charts made for OpenEBS name. They are lost with the machine.
 *
 * The machines need the folder `/var/mnt/openebs` where the kubelet sees it; upstream's own, /var/openebs/local, is one
 * that Talos' kubelet never sees: volumes would be bound and no pod would find them. In a site file plinth makes it; a
 * program adds a `UserVolumeConfig` of type directory, called openebs, to the machines' configuration.
 *
 * The chart is that of the provisioner alone. OpenEBS' umbrella brings three more engines, which want kernel modules,
 * huge pages or whole disks that a Talos machine has only when it was made for them.
 */
export class OpenEbs extends Installation {
  constructor(name: string, { installation, ...settings }: OpenEbsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, openEbsService(settings), installation, opts);
  }
}
