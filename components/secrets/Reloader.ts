import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type ReloaderSettings, reloaderService } from "./service/reloader";

/** Inputs of {@link Reloader}. */
export type ReloaderArgs = ServiceArgs<ReloaderSettings>;

/** Reloader: workloads with the annotation `reloader.stakater.com/auto: "true"` restart when their Secrets change. */
export class Reloader extends Installation {
  constructor(name: string, { installation, ...settings }: ReloaderArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, reloaderService(settings), installation, opts);
  }
}
