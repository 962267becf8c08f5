import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type LocalPathSettings, localPathService } from "./service/localpath";

/** Inputs of {@link LocalPath}. */
export type LocalPathArgs = ServiceArgs<LocalPathSettings>;

/**
 * Volumes in a folder of the machine that the pod runs on: fast, simple, and lost with the machine.
 *
 * The machines need the folder `/var/mnt/local-path` where the kubelet sees it. In a site file plinth makes it; a program
 * adds a `UserVolumeConfig` of type directory, called local-path, to the machines' configuration.
 */
export class LocalPath extends Installation {
  constructor(name: string, { installation, ...settings }: LocalPathArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, localPathService(settings), installation, opts);
  }
}
