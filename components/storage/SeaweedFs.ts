import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type SeaweedFsSettings, seaweedFsService } from "./service/seaweedfs";

/** Inputs of {@link SeaweedFs}. */
export type SeaweedFsArgs = ServiceArgs<SeaweedFsSettings>;

/**
 * An object store that speaks S3, inside of the cluster at `http://seaweedfs-s3.seaweedfs:8333` (production) or
 * `http://seaweedfs-all-in-one.seaweedfs:8333`. Its keys are kept in the stack's state, protected.
 */
export class SeaweedFs extends Installation {
  constructor(name: string, { installation, ...settings }: SeaweedFsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, seaweedFsService(settings), installation, opts);
  }
}
